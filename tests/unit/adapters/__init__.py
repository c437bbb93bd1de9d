"""The adapters, each on small real files."""
