"""Release: a trained model becomes a registered candidate, is judged, and waits for people."""
