"""`python -m watchd` is the same as `watchd`."""

from watchd.cli.main import main

main()
