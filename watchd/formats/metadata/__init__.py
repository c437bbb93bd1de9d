"""What a picture says beside its pixels: collected, taken out, and said again."""
