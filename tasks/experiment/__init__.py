"""Two versions by user: what is counted, a test that may be looked at at any time, its own test."""
