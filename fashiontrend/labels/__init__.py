"""Turn titles and annotations into a resampled, versioned dataset; without torch and the store."""
