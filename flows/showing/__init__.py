"""What people see of a run: progress, live pages, artifacts and summaries."""
