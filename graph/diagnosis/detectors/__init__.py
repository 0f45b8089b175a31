"""Detectors: functions from a context to possible causes. Each knows one way in which things go wrong."""
