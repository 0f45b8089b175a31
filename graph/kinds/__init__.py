"""What is known of each platform: how its documents are read, compared and related. One folder a platform."""
