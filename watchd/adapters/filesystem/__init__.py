"""Files and folders: hot ones, the spool, outputs, originals, notes; events and mounts."""
