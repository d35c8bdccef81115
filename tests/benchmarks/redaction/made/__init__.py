"""Values made fresh for the benchmark of redaction: valid ones, and near misses."""
