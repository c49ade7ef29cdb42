"""What every adapter needs of the file system: files that are never half written."""
