"""What the board tells of itself: temperature, supply, free disk. Reads only; a scan asks the `watch`."""
