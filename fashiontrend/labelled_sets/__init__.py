"""Labelled sets made by others: their columns, their import as annotations, and their replay as days of listings."""
