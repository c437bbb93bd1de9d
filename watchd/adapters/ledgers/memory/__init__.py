"""The ledger in plain Python: the second implementation of every role, which forgets all when its process ends."""
