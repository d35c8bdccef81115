"""From rows to the models that used them, and from a row back to its source."""
