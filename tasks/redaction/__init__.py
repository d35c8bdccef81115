"""Personal data out, typed placeholders in: Presidio's patterns and a spaCy model for names."""
