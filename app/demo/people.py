"""Who works on the shop, and as whom their tools sign in."""

from __future__ import annotations

from tools.actions.simulated_cluster.identity import Caller, CloudCaller

ACCOUNT = "210987654321"
REGION = "eu-central-1"

DEPLOYER = Caller(
    username="system:serviceaccount:ci:deploy-bot",
    groups=("system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"),
    address="10.40.2.15",
    manager="deploy-bot",
)
"""The pipeline, in the cluster."""

TERRAFORM = CloudCaller(
    account=ACCOUNT,
    role="ci-terraform",
    session="shop-main",
    address="10.40.2.15",
    user_agent="APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.70.0",
)
"""The pipeline, in the cloud account."""

DEPLOYERS = (
    "deploy-bot",
    DEPLOYER.username,
    "ci-terraform",
    f"arn:aws:iam::{ACCOUNT}:role/ci-terraform",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-terraform/shop-main",
)
"""All names under which the pipeline appears in audit logs and commits."""

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def person(name: str, *, tool: str = "edit", address: str = "198.51.100.24") -> Caller:
    """Return a person with kubectl, signed in through the company's identity provider.

    Args:
        name: mail name, e.g. `jonas.weber`.
        tool: kubectl command, which names the field manager.
        address: where they sit.
    """
    return Caller(
        username=f"{name}@kettle.example",
        groups=("kettle:engineers", "system:authenticated"),
        address=address,
        user_agent="kubectl/v1.34.1 (darwin/arm64) kubernetes/93248f9",
        manager=f"kubectl-{tool}",
    )


def at_console(name: str, *, address: str = "198.51.100.24") -> CloudCaller:
    """Return a person in the web console of the cloud account, signed in through single sign-on."""
    return CloudCaller(
        account=ACCOUNT,
        role="AWSReservedSSO_PlatformAdmin_6d1c2f0b9e4a7385",
        session=f"{name}@kettle.example",
        address=address,
        user_agent=_BROWSER,
        console=True,
        path="/aws-reserved/sso.amazonaws.com/eu-central-1/",
    )
