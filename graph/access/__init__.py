"""Permissions over time: what decides whether a service may do something, and which change took that away."""
