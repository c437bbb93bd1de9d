"""Colour: what a file says of the space that its pixels are in, said again as one ICC profile."""
