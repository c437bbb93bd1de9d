"""The processes: what is wired, started, supervised and stopped."""
