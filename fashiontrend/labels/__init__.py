"""Labels (A3): titles and annotations to a resampled, versioned dataset; no torch, no store."""
