"""Pixels are worked on in processes of their own, so that what a codec does ends with its picture."""
