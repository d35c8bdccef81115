"""The scorers: local Hugging Face `evaluate` metric modules, made here and never downloaded."""
