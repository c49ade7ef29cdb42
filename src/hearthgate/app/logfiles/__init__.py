"""The log of each part of Hearthgate, kept on disk so that `kubectl logs` can show it."""
