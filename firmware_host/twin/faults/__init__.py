"""Faults of the emulated scanner, struck by a script: behind the pins, behind the lens, below the disk.

The host does not know of them. What it does about each is elsewhere: `firmware_host/incidents.py`.
"""
