"""The host names that resources publish, and where they lead."""
