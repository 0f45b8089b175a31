"""How fast changes out of band become drift events, and whether each does and nothing else."""
