"""Motion: ramps as exact step times, one pulse engine, axes that approach from below, a stage with one safety path."""
