"""Many requests at once, from a file and into files: read, refused or answered, each once."""
