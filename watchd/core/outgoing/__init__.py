"""What is made of an answer, where does it go, and what becomes of the original?"""
