"""What a release contains, kept in memory for answers: keywords, shares, forecasts, runs and thumbnails."""
