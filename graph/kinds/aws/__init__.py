"""AWS: IAM policies and what hangs on them."""
