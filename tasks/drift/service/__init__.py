"""How a champion serves, window by window: waits, cost, failures, ratings. No text is read."""
