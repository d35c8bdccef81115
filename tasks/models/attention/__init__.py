"""Attention over packed documents, for training and for reading prompts."""
