"""Picture formats: bytes in, verdicts and metadata out."""
