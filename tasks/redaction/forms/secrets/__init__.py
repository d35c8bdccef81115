"""Detectors of keys, tokens, passwords and wallets."""
