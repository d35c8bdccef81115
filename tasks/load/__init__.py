"""A recorded traffic sent again: when, how much, what came of it, how many replicas it needs."""
