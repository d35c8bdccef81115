"""Detectors of postal addresses and streets."""
