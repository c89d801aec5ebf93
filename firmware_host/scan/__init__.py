"""Scanning: where the tissue is, in which order its fields are taken, and what is done with each."""
