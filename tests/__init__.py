"""Tests, from instant to whole-program: see the folders."""
