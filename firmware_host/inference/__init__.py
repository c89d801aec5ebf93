"""Running the network on the device: the port, and its backends."""
