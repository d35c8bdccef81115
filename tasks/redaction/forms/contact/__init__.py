"""Detectors of phone numbers and of addresses on the net."""
