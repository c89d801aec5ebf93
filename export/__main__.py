"""`python -m export`: the same as the command."""

from export.cli import main

main()
