"""The configuration file: what it loads to, and how it is told what is wrong with it."""
