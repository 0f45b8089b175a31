"""What exists: identity of a resource, and its three facets. Not what a resource contains."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Facet(StrEnum):
    """One of the three states of a resource."""

    INTENDED = "intended"
    """Declared: what version control says should exist."""
    APPLIED = "applied"
    """What the deployer last wrote."""
    ACTUAL = "actual"
    """What was observed to run."""


class Platform(StrEnum):
    """The world a resource belongs to; decides which rules read and compare it."""

    KUBERNETES = "kubernetes"
    TERRAFORM = "terraform"
    COMPOSE = "compose"
    """Docker Compose: services, networks, volumes, secrets and configs of a project."""
    SERVICE = "service"
    """A service, node or data store that is known by name only, from traces, metrics or a service map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Identity of one thing in an environment; all three facets share it."""

    uid: str
    """Stable id: `k8s://CLUSTER/GROUP/KIND/NAMESPACE/NAME` (group `core` and namespace `-` where there is none)
    or `tf://STACK/ADDRESS`, or `compose://PROJECT/KIND/NAME`, or `svc://ENVIRONMENT/NAME` of what is known by name
    only."""
    platform: Platform
    kind: str
    """Kubernetes kind, Terraform resource type such as `aws_iam_role`, or for Compose `service`, `network`, `volume`,
    `secret` or `config`."""
    name: str
    namespace: str | None = None
    """Kubernetes namespace; None for cluster-scoped and for Terraform resources."""
    group: str = ""
    """Kubernetes API group without version; empty for the core group and for Terraform."""
    aliases: tuple[str, ...] = field(default=())
    """Other names of the same thing, such as an ARN, a cloud id or a tag value."""

    @property
    def display(self) -> str:
        """Short name for people: `NAMESPACE/KIND/NAME`, `KIND/NAME`, the Terraform address, or `PROJECT/KIND/NAME`."""
        if self.platform is Platform.COMPOSE:
            return self.uid.partition("://")[2]
        if self.platform is Platform.TERRAFORM:
            return self.uid.partition("://")[2].partition("/")[2]
        return "/".join(part for part in (self.namespace, self.kind, self.name) if part)


def kubernetes_uid(*, cluster: str, group: str, kind: str, namespace: str | None, name: str) -> str:
    """Build the uid of a Kubernetes object; the version of its API is not part of its identity."""
    return f"k8s://{cluster}/{group or 'core'}/{kind}/{namespace or '-'}/{name}"


def kubernetes_scope(*, cluster: str, group: str, kind: str | None = None, namespace: str | None = None) -> str:
    """Build what the uids of many objects begin with: those of a group, of a kind, or of a kind in one namespace.

    >>> kubernetes_scope(cluster="demo", group="apps", kind="Deployment", namespace="shop")
    'k8s://demo/apps/Deployment/shop/'
    """
    parts = (cluster, group or "core", *(part for part in (kind, namespace) if part))
    return f"k8s://{'/'.join(parts)}/"


def terraform_uid(*, stack: str, address: str) -> str:
    """Build the uid of a Terraform resource instance, e.g. `tf://shop/aws_kms_key.orders`."""
    return f"tf://{stack}/{address}"


def compose_uid(*, project: str, kind: str, name: str) -> str:
    """Build the uid of something in a Docker Compose project, e.g. `compose://shop/service/web`."""
    return f"compose://{project}/{kind}/{name}"


def service_uid(*, environment: str, name: str) -> str:
    """Build the uid of something that is known by name only, e.g. `svc://shop/checkout`."""
    return f"svc://{environment}/{name}"


def display_uid(uid: str) -> str:
    """Short name for people of a uid, also of one that no resource has; equal to `Resource.display` where one has it.

    >>> display_uid("k8s://demo/apps/Deployment/shop/checkout")
    'shop/Deployment/checkout'
    >>> display_uid("tf://shop/aws_kms_key.orders")
    'aws_kms_key.orders'
    >>> display_uid("compose://shop/service/web")
    'shop/service/web'
    """
    scheme, _, rest = uid.partition("://")
    if scheme == "compose":
        return rest
    if scheme == "k8s" and rest.count("/") >= 4:
        _, _, kind, namespace, name = rest.split("/", 4)
        return "/".join(part for part in (namespace if namespace != "-" else "", kind, name) if part)
    return rest.partition("/")[2] if scheme in ("tf", "svc") else uid


def place_of(uid: str) -> str:
    """Return the place that a uid names: the namespace of a cluster, what stands in no namespace, or the stack.

    >>> place_of("k8s://demo/apps/Deployment/shop/checkout"), place_of("tf://shop/aws_kms_key.orders")
    ('k8s://demo/shop', 'tf://shop')
    """
    scheme, _, rest = uid.partition("://")
    parts = rest.split("/", 4)
    return f"k8s://{parts[0]}/{parts[3]}" if scheme == "k8s" and len(parts) == 5 else f"{scheme}://{parts[0]}"
