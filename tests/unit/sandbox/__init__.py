"""The sandbox, piece by piece."""
