"""Who splits the traffic and who counted it: each a port with two adapters and one contract."""
