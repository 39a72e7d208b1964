"""A small deterministic world: drawn garments, three shops of different kinds, annotations, and the truth apart."""
