"""Check the pictures and listings of a day, and measure the day's health; without the store."""
