"""A language model as a judge of answers: asked over an endpoint, checked against people."""
