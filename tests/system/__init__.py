"""The real program, over real sockets and files."""
