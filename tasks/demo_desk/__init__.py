"""The embedded default data: the help desk of an invented mountain-gear shop."""
