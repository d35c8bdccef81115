"""A champion is served: what is served how, the engines, the gateway before them, what it wrote."""
