"""Evaluation: a model's answers and likelihoods, the scores of both, and the scorecard."""
