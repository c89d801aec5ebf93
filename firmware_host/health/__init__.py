"""What the board tells of itself: temperature, supply, memory, disk. Reads only; a scan asks `watch` and `room`."""
