"""Finding focus: the vote of patches, the two-shot loop, the contrast sweep, the focus surface."""
