"""Docker Compose: what its files mean, what runs of it, how that hangs together."""
