"""PNG: the one format that an answer has, so it is proven while it arrives and rewritten while it is published."""
