"""The commands that people type; `cli` puts them in the order of the work."""
