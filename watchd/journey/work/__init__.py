"""A job is led on: claimed, prepared, sent, received, published, archived."""
