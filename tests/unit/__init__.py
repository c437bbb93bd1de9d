"""One module at a time, no network, no waiting."""
