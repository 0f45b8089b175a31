"""How resources hang together, and which way trouble flows along each type of relation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Impact(StrEnum):
    """Which end of a relation suffers when the other one breaks."""

    TARGET_TO_SOURCE = "target_to_source"
    """The source depends on the target."""
    SOURCE_TO_TARGET = "source_to_target"
    """The source acts on the target."""


class RelationType(StrEnum):
    """Type of a relation, read as "source TYPE target"."""

    OWNED_BY = "owned_by"
    """Kubernetes owner reference: child to controller."""
    SELECTS = "selects"
    """Service, PodDisruptionBudget or workload to the pods or pod templates that its selector matches."""
    MOUNTS = "mounts"
    """Workload to a ConfigMap, Secret or PersistentVolumeClaim in its volumes."""
    READS = "reads"
    """Workload to a ConfigMap or Secret in its environment variables."""
    RUNS_AS = "runs_as"
    """Workload to its ServiceAccount."""
    CALLS = "calls"
    """Workload to a Service that its configuration names."""
    CONNECTS_TO = "connects_to"
    """Workload to a cloud resource that its configuration names (database, queue, bucket, key)."""
    ROUTES_TO = "routes_to"
    """Ingress or route to its backend Service."""
    SCALES = "scales"
    """Autoscaler to the workload it resizes."""
    GUARDS = "guards"
    """NetworkPolicy or security group to what it protects."""
    ALLOWS = "allows"
    """NetworkPolicy or security group to the caller that one of its rules admits."""
    ASSUMES = "assumes"
    """ServiceAccount or instance to the IAM role it assumes."""
    HAS_POLICY = "has_policy"
    """IAM role to a policy attached to it."""
    GRANTS_ON = "grants_on"
    """IAM policy to a resource that one of its statements names."""
    ENCRYPTS_WITH = "encrypts_with"
    """Cloud resource to the KMS key that protects it."""
    REFERENCES = "references"
    """Terraform resource to another that its expressions name."""
    PRODUCES = "produces"
    """Resource (such as an ExternalSecret) to the object that a controller makes from it."""
    RUNS_ON = "runs_on"
    """Something that runs to the machine it runs on."""
    REALISES = "realises"
    """One identity of a thing to another identity of the same thing."""


IMPACT: dict[RelationType, Impact] = {
    RelationType.OWNED_BY: Impact.TARGET_TO_SOURCE,
    RelationType.SELECTS: Impact.TARGET_TO_SOURCE,
    RelationType.MOUNTS: Impact.TARGET_TO_SOURCE,
    RelationType.READS: Impact.TARGET_TO_SOURCE,
    RelationType.RUNS_AS: Impact.TARGET_TO_SOURCE,
    RelationType.CALLS: Impact.TARGET_TO_SOURCE,
    RelationType.CONNECTS_TO: Impact.TARGET_TO_SOURCE,
    RelationType.ROUTES_TO: Impact.TARGET_TO_SOURCE,
    RelationType.SCALES: Impact.SOURCE_TO_TARGET,
    RelationType.GUARDS: Impact.SOURCE_TO_TARGET,
    RelationType.ALLOWS: Impact.SOURCE_TO_TARGET,
    RelationType.ASSUMES: Impact.TARGET_TO_SOURCE,
    RelationType.HAS_POLICY: Impact.TARGET_TO_SOURCE,
    RelationType.GRANTS_ON: Impact.TARGET_TO_SOURCE,
    RelationType.ENCRYPTS_WITH: Impact.TARGET_TO_SOURCE,
    RelationType.REFERENCES: Impact.TARGET_TO_SOURCE,
    RelationType.PRODUCES: Impact.SOURCE_TO_TARGET,
    RelationType.RUNS_ON: Impact.TARGET_TO_SOURCE,
    RelationType.REALISES: Impact.TARGET_TO_SOURCE,
}
"""Declared for every type: the arrow alone does not tell which way impact flows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A typed edge between two resources."""

    source: str
    """uid"""
    target: str
    """uid; may name something that does not exist, which is a finding of its own (a dangling reference)"""
    type: RelationType
    via: str = ""
    """JSON pointer in the source's body (or a short text) that states the relation."""
    detail: str = ""
    """What exactly, e.g. the ConfigMap key, the port, or the IAM actions."""
    optional: bool = False
    """The platform lets the source run without the target."""
    confidence: float = 1.0
    """1.0 when stated by the platform; lower when read from a name in a value."""
