"""Detectors of the numbers and dates that people are known by."""
