"""The ways out of a sandbox that escapes.py tries, by subject; `table` holds them all, in order."""
