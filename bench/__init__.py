"""Benchmarks against a bare baseline in the same run (`make bench`); they are not tests."""
