"""The signals of drift, one module each, and their registry."""
