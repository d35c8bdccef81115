"""`paddock incident`: what a bad hour was like is gathered, and its requests are asked again."""
