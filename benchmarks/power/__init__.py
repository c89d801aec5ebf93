"""Rigs that cut a scan short: the process killed, or the power taken from under a real file system."""
