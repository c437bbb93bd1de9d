"""Is it ours, and is it finished?"""
