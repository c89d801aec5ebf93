"""`python -m training`: the same as the command."""

from training.cli import main

main()
