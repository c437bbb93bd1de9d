"""The paid service over HTTP, through httpx."""
