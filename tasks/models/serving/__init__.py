"""A model that another program serves while its questions are asked."""
