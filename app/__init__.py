"""Delivery: processes, HTTP, storage, settings, wiring."""
