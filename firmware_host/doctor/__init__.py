"""The preflight: what is wrong with this machine and scanner, and what to do. Nothing moves; the motors stay off."""
