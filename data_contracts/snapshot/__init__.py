"""A snapshot: what ingestion leaves behind, how it is written and read."""
