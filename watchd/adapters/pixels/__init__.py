"""Pixels: decoding, joining and encoding with Pillow."""
