"""How a model is loaded, run and asked: the floor that every stage stands on."""
