"""One suite for a fake and for the real thing behind the same Protocol."""
