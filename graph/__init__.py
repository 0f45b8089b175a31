"""The core: domain types and pure functions over the environment graph. No I/O, no framework but networkx."""
