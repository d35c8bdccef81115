"""What data must look like before it may train a model: record schemas, snapshots and suites."""
