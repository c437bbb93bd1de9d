"""What is asked for a picture, and what does it cost?"""
