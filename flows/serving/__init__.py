"""`paddock serve`: a champion behind a gateway on this machine, kept running and kept current."""
