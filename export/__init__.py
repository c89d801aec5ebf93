"""From a trained network to what the device runs: ONNX, INT8, a signed bundle. Needs torch; never runs there."""
