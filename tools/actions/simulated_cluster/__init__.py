"""A control plane for a file-backed estate: an API server, a cloud API, and controllers."""
