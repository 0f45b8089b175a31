"""Facts: the single statements of documents that decide about access, under names that outlive any one document.

The same attachment of a policy to a role is one fact, be it stated by a state file, a live listing or an audit record.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from graph.document import Absent, Json


class FactKind(StrEnum):
    """What a fact is about; in brackets what its subject and member name."""

    ROLE = "role"
    """[role name] ARN of the role."""
    ROLE_TAG = "role tag"
    """[role name, key]"""
    TRUST = "trust policy"
    """[role name]"""
    INLINE = "inline policy"
    """[role name, policy name]"""
    ATTACHED = "attachment"
    """[role name, policy ARN] True."""
    BOUNDARY = "permissions boundary"
    """[role name] ARN of the policy."""
    POLICY = "managed policy"
    """[policy ARN] Its default version."""
    KEY = "key"
    """[key id] ARN of the key."""
    KEY_STATE = "key state"
    """[key id] `Enabled`, `Disabled`, `PendingDeletion`."""
    KEY_POLICY = "key policy"
    """[key id]"""
    KEY_TAG = "key tag"
    """[key id, key]"""
    GRANT = "grant"
    """[key id, grant id]"""
    ALIAS = "alias"
    """[alias name] Key id."""
    ORGANISATION_POLICY = "organisation policy"
    """[policy id] Its content."""
    ORGANISATION_TYPE = "type of the organisation policy"
    """[policy id] `SERVICE_CONTROL_POLICY`, `RESOURCE_CONTROL_POLICY`."""
    ORGANISATION_TARGET = "organisation attachment"
    """[policy id, target id] True."""
    ORGANISATION_PARENT = "organisation parent"
    """[account or unit id] Id of the unit or root above it."""
    ENDPOINT = "VPC endpoint"
    """[endpoint id] Object with `service` and `vpc`."""
    ENDPOINT_POLICY = "VPC endpoint policy"
    """[endpoint id]"""
    NETWORK = "network"
    """[uid of a function, service or cluster] Id of its VPC."""
    ANNOTATED_ROLE = "role annotation"
    """[uid of a ServiceAccount] ARN of the role."""
    POD_IDENTITY = "pod identity association"
    """[association id] ARN of the role."""
    POD_IDENTITY_OF = "service account of the association"
    """[association id] NAMESPACE/NAME of the ServiceAccount; an association keeps it."""
    RUNS_AS = "service account of the workload"
    """[uid of a workload] Name of the ServiceAccount."""
    TASK = "task definition of the service"
    """[name of an ECS service] ARN or FAMILY:REVISION."""
    TASK_ROLE = "task role"
    """[FAMILY:REVISION] ARN of the role. A task definition never changes."""
    FUNCTION_ROLE = "role of the function"
    """[function name] ARN of the role."""


DOCUMENTS = frozenset(
    {
        FactKind.TRUST,
        FactKind.INLINE,
        FactKind.POLICY,
        FactKind.KEY_POLICY,
        FactKind.ENDPOINT_POLICY,
        FactKind.ORGANISATION_POLICY,
    }
)
"""Facts whose value is a policy document; None where it can't be read."""

CONSTANT = frozenset({FactKind.KEY, FactKind.TASK_ROLE, FactKind.POD_IDENTITY_OF, FactKind.ORGANISATION_TYPE})
"""Facts that never change as long as their subject exists, and that an older state still needs when it is gone."""


class Fact(NamedTuple):
    """Name of a fact."""

    kind: FactKind
    subject: str
    member: str = ""


class Stated(NamedTuple):
    """A fact as a document states it."""

    fact: Fact
    value: Json
    path: str
    """JSON pointer into the document; empty when the whole document is the fact."""


State: TypeAlias = Mapping[Fact, Json | Absent]
"""What holds at one moment; ABSENT stands for what is known to be gone."""


def last_part(name: str) -> str:
    """Return the name in an ARN or path: what stands after the last `/`.

    >>> last_part("arn:aws:iam::111122223333:role/team/app"), last_part("app")
    ('app', 'app')
    """
    return name.rpartition("/")[2]


def key_id(name: str) -> str:
    """Return the id in a key's ARN; an id as it is."""
    return name.rpartition(":key/")[2] or name
