"""The process that owns the pins: it alone makes pulses, and it makes the scanner safe when anything else dies."""
