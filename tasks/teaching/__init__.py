"""A teacher answers the rows to train on: asked, redacted, written as a snapshot."""
