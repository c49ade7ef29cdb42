"""What this node announces, and why not the rest."""
