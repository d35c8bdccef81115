"""Human review: a sample of answers for people to rate in MLflow, and their ratings read back."""
