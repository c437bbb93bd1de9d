"""Decisions: values in, values out. No clock, disk, network, thread or log."""
