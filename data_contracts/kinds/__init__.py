"""The kinds of record: one module and one default contract each, listed in `registry`."""
