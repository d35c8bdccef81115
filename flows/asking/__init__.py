"""What people ask of a flow, and what the names in it resolve to, before any work."""
