"""The steps of an investigation: plain functions `(state, deps) -> update`, one file each."""
