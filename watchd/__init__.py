"""watchd: hot folders in, enlarged pictures out, each paid for once."""

__version__ = "0.1.0"
