"""From raw files to a snapshot: read, map, redact, drop duplicates and leaks, check, write."""
