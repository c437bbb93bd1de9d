"""The machine and its manager: time, lock, log, control socket, systemd, users."""
