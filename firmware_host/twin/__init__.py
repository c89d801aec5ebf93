"""The emulated scanner: board, drivers, mechanics, slide, optics, camera. Nothing outside knows that it is not real."""
