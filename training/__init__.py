"""From z-stacks to a trained focus network. Needs torch; never runs on the device."""
