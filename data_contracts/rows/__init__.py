"""Rows of a source: the values in them, and the layouts in which other tools write them."""
