"""What Prometheus is told: metrics of what is recorded, one module a source; pushed by nobody."""
