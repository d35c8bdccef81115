"""An incident as a bundle of redacted facts, and what its requests are answered now."""
