"""The page: who is told of what, and who may do what."""
