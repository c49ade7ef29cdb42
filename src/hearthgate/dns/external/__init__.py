"""Where this house is reached from outside."""
