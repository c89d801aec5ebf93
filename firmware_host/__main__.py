"""`python -m firmware_host`: the same as the command `wsi-host`."""

from firmware_host.cli import main

main()
