"""What was acknowledged is kept: objects in memory and in SQLite, numbered by one revision for all kinds.

`store` is the door. A write is answered, and watches see it, only after its COMMIT. Nothing here knows what
an object means: keys, bytes and revisions only.
"""
