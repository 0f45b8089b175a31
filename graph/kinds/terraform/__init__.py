"""Terraform and OpenTofu state and plans."""
