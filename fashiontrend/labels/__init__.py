"""Turn titles and annotations into a resampled, versioned dataset. Nothing here imports torch or the store."""
