"""A small deterministic world: drawn garments, three shops, annotations, and the separate truth."""
