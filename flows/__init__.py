"""The flows, their settings and parameters, and the `paddock` command."""
