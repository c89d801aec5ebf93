"""What a scan leaves behind: the table of fields, the slide, the report. Knows nothing of hardware."""
