"""What a user would write instead of watchd: short, sound at first sight, and honest about it."""
