"""Reads what `kubectl` prints back into Kubernetes objects, for recordings that hold nothing else."""
