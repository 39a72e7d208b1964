"""Labelled sets made by others: read them as annotations, or replay them as days of listings."""
