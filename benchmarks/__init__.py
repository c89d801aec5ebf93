"""Benchmarks: how long things take and how far off they are. Never a test; ratios within one run."""
