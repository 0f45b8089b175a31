"""The demo estate: a small shop with a history, running on a file-backed cluster and cloud, and ways to break it."""
