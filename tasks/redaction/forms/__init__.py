"""What has a form: detectors of numbers, codes, addresses and secrets."""
