"""Who calls the simulated control plane, as its audit records show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A user of the Kubernetes API."""

    username: str
    groups: tuple[str, ...] = ("system:authenticated",)
    address: str = "10.40.2.15"
    user_agent: str = "kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9"
    manager: str = "kubectl-edit"
    """Field manager that the client names, e.g. `kubectl-edit`, `kubectl-patch`, `deploy-bot`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCaller:
    """A session of an IAM role that calls the cloud API."""

    account: str
    role: str
    """Name of the role, e.g. `platform-admin`."""
    session: str
    """Name of the role session; for people who sign in through single sign-on, their mail address."""
    address: str
    user_agent: str
    console: bool = False
    """The credentials come from a sign-in to the console."""
    path: str = "/"
    """Path of the role, e.g. `/aws-reserved/sso.amazonaws.com/eu-central-1/`."""
