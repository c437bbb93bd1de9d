"""Bytes of picture formats and of their metadata: nothing here knows a folder, a price or a job."""
