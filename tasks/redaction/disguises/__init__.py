"""Plainer readings of texts in which values are disguised."""
