"""Wires a role of Hearthgate: start, supervision, shutdown. Settings are read here, once."""
