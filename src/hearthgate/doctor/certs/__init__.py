"""What is to be said of certificates: a table, and for each one the first thing that is in its way."""
