"""How the assistant thinks: plain steps wired into a workflow."""
