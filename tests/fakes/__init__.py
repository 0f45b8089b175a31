"""Doubles of outside systems, faithful enough to test adapters against."""
