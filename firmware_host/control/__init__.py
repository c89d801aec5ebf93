"""A running scan is asked how it goes, and to pause, go on or stop: over a socket file of its own user.

Nothing here knows the command line: `desk` is what a scan and whoever watches it share.
"""
