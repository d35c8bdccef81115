"""Another value of the same shape in place of a personal one, drawn by a key and kept nowhere."""
