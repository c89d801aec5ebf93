"""Calibration of the scanner: its screws, its camera and how they lie to each other, from images alone.

Not that of the focus network, which is made on each slide before a scan: `focus/calibration.py`, `scan/calibration.py`.
"""
