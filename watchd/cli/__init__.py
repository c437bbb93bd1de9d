"""The commands, and the rendering of their answers."""
