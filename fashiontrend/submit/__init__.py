"""Jobs on a cluster that others run: what is asked for, how it goes, and how it ended."""
