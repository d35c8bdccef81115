"""What serving writes of its requests: read, counted, brought in from elsewhere, sealed by day."""
