"""The runtime on the device: drives camera and stage, focuses, scans, writes the slide. Also holds the twin."""
