"""Who wrote a field, from managedFields. Manager names are self-declared: they bound a claim, they don't prove one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from graph.document import Json, Object, tokens

_DEPLOYERS = frozenset(
    {
        "argocd-application-controller",
        "argocd-controller",
        "flux",
        "helm",
        "helm-controller",
        "kapp-controller",
        "kubectl-client-side-apply",
        "kustomize-controller",
        "pulumi-kubernetes",
        "Terraform",
        "terraform",
    }
)

_CONTROLLERS = frozenset(
    {
        "aws-load-balancer-controller",
        "before-first-apply",
        "cainjector",
        "cert-manager-cainjector",
        "cloud-controller-manager",
        "cluster-autoscaler",
        "keda",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "pilot-discovery",
        "vpa-recommender",
        "vpa-updater",
    }
)

_CONTROLLER_WORDS = ("cainjector", "controller-manager", "csi-", "-operator", "cloud-controller", "-webhook")
"""What names of components contain that act on objects of others for a living."""


class Writer(Enum):
    """What a field manager is to the object."""

    DEPLOYER = "deployer"
    CONTROLLER = "controller"
    OTHER = "other"
    """A person's client, or a program that nobody declared for this."""


class Manager(NamedTuple):
    """One entry of managedFields."""

    name: str
    operation: str
    subresource: str
    fields: Object


class Owners:
    """Field ownership of one observed object."""

    def __init__(self, body: Object, declared: Sequence[str]) -> None:
        """Read managedFields.

        Args:
            body: the observed object.
            declared: JSON pointers into it of fields that were declared; whoever owns most of them deploys it.
        """
        self._body = body
        self.managers = tuple(_managers(body))
        self._deployer = self._main_deployer(declared)

    @property
    def is_known(self) -> bool:
        """Whether the object carries ownership at all; clients often leave it out of what they print."""
        return bool(self.managers)

    def writers(self, path: str) -> list[Manager]:
        """Return the managers that own the field at a JSON pointer, or something inside it."""
        steps = self._steps(path)
        return [m for m in self.managers if m.subresource != "status" and _owns(m.fields, steps)]

    def role(self, manager: Manager) -> Writer:
        """Return what a manager is to this object."""
        if manager.name == self._deployer:
            return Writer.DEPLOYER
        if manager.name in _CONTROLLERS or any(word in manager.name for word in _CONTROLLER_WORDS):
            return Writer.CONTROLLER
        if self._deployer is None and manager.name in _DEPLOYERS:
            return Writer.DEPLOYER
        return Writer.OTHER

    def _main_deployer(self, declared: Sequence[str]) -> str | None:
        counts: dict[str, int] = {}
        for path in declared:
            steps = self._steps(path)
            for manager in self.managers:
                is_status = manager.subresource == "status"
                if not is_status and manager.name not in _CONTROLLERS and _owns(manager.fields, steps):
                    counts[manager.name] = counts.get(manager.name, 0) + 1
        if not counts:
            return None
        return max(counts, key=lambda name: (counts[name], name in _DEPLOYERS, name))

    def _steps(self, path: str) -> list[tuple[str, Json]]:
        """Pair each token of the pointer with the value it leads to."""
        value: Json = self._body
        steps: list[tuple[str, Json]] = []
        for token in tokens(path):
            if isinstance(value, dict):
                value = value.get(token)
                steps.append(("f:" + token, None))
            elif isinstance(value, list):
                value = value[int(token)] if token.isdigit() and int(token) < len(value) else None
                steps.append(("", value))
            else:
                break
        return steps


def _managers(body: Object) -> Iterator[Manager]:
    metadata = body.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict):
            yield Manager(
                str(entry.get("manager", "")),
                str(entry.get("operation", "")),
                str(entry.get("subresource", "")),
                entry["fieldsV1"],
            )


def _owns(fields: Object, steps: Sequence[tuple[str, Json]]) -> bool:
    node = fields
    for name, entry in steps:
        if not node:
            return True
        key = name or _entry_key(node, entry)
        child = node.get(key) if key else None
        if not isinstance(child, dict):
            return False
        node = child
    return True


def _entry_key(node: Object, entry: Json) -> str | None:
    """Find the member of a field set that names a list entry by its keys or its value."""
    for member in node:
        if member.startswith("k:") and isinstance(entry, dict):
            keys = _decode(member)
            if isinstance(keys, dict) and all(entry.get(k, _IMPLIED.get(k)) == v for k, v in keys.items()):
                return member
        elif member.startswith("v:") and _decode(member) == entry:
            return member
    return None


_IMPLIED = {"protocol": "TCP"}


def _decode(member: str) -> Json:
    try:
        return json.loads(member[2:])
    except ValueError:
        return None
