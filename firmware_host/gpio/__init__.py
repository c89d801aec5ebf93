"""Digital pins: the port that motion uses, and its drivers."""
