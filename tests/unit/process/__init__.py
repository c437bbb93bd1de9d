"""Threads, and what looks after them."""
