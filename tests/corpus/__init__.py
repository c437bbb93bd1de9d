"""A corpus of oddities as the world makes them: files, where people met them, and how each has to end.

Every file is made when it is asked for, by a function in the module of its format, out of one chart (`chart.py`). None
is checked in, none is taken from anywhere: what is here is under this repository's own licence. The trackers and
specifications that an entry names tell where its kind was met; nothing of theirs is copied.

`python -m tests.corpus DIR` lays all of them down for a look.
"""
