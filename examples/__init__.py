"""The example homelab and the programs that bring it to life."""
