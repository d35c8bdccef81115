"""A released model in the forms in which other programs run it: safetensors, GGUF, Ollama."""
