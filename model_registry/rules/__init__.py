"""The rules that a gate may name: one module and one class each, listed in `listing.py`."""
