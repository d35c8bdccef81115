"""Envoy before the engines: what it is started with, what it watches, what it tells."""
