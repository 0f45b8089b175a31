"""The live state of an AWS account, read by describe, list and get calls only; one file a family of services."""
