# Cloud side of the shop: keys, database, queue, buckets, and one role for each workload that needs AWS.
# Applied by the ci-terraform role from the main branch. plan.json is what `terraform show -json` says of a plan made right
# after the last apply: nothing to do, every value known.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.70"
    }
  }

  backend "s3" {
    bucket = "kettle-terraform-state"
    key    = "shop/aws.tfstate"
    region = "eu-central-1"
  }
}

provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = ["210987654321"]
}
