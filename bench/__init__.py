"""Speed as a ratio to a bare baseline of the same run; `make bench`. Never a test."""
