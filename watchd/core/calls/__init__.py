"""May a call be made, and what follows from how it ended?"""
