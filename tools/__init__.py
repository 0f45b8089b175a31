"""What the assistant can look at, and what the executor can do. Written against ports; adapters in tools/adapters."""
