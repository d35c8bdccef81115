"""Greedy decoding in a cache of fixed slots, which the next prompt takes over when one ends."""
