"""Quality of every tile, measured once it was taken: focus, light, damage, seams. Moves nothing, asks no network."""
