"""A new version beside the champion on real traffic: what is counted, judged and done each tick."""
