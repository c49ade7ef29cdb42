"""Public records: what they shall be, what they are, and the way from one to the other."""
