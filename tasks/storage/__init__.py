"""Where bytes live: an object store, and immutable stage outputs with a manifest in it."""
