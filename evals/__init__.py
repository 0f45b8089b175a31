"""Cases, scorers and reports that measure the product's own path."""
