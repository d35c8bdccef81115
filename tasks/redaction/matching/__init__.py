"""How values that have a form are found: triggers, patterns, and findings that overlap."""
