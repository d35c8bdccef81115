"""Versioned evaluation cases with a card each, and their loader."""
