"""Diagnosis without a model: from an alert and the environment graph to ranked causes with evidence."""
