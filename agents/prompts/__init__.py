"""Prompts, one text file for each step that asks a model."""
