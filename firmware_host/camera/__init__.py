"""Cameras: the port that the focus loop uses, and its drivers."""
