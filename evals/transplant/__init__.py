"""Faults put into recordings of healthy clusters: cases with known answers that nobody recorded.

A recording whose cluster shows no fault is taken, and the answers of its tools are changed as a fault would change
them, for each of its services. What comes out has the layout of the set that it came from.
"""
