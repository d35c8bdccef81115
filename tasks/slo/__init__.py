"""What serving promises: objectives, error budgets, how fast they burn, rules for Prometheus."""
