"""Which requests a small model answers as well as a large one: trained, judged, decided."""
