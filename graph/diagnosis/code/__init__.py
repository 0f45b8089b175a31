"""What a change of code or configuration does to a running system, read from its diff. No language is parsed."""
