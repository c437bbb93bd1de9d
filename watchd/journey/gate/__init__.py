"""The one gate before all workers."""
