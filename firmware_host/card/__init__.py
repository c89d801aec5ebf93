"""What is on a flashed card beside the host: its two systems, and the settings that its owner wrote onto it."""
