"""What people type, in the order of their work; `cli` puts it together."""
