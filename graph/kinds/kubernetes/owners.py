"""Who wrote a field, from managedFields. Manager names are self-declared: they bound a claim, they don't prove one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from graph.document import Json, Object, tokens
from graph.field_managers import moment
from graph.kinds.lenient import text

_DEPLOYERS = frozenset(
    {
        "argocd-application-controller",
        "argocd-controller",
        "flux",
        "helm",
        "helm-controller",
        "kapp-controller",
        "kubectl-client-side-apply",
        "kubectl-create",
        "kubectl-replace",
        "kustomize-controller",
        "pulumi-kubernetes",
        "Terraform",
        "terraform",
    }
)

_BY_HAND = frozenset(
    {
        "kubectl-annotate",
        "kubectl-autoscale",
        "kubectl-edit",
        "kubectl-label",
        "kubectl-patch",
        "kubectl-rollout",
        "kubectl-scale",
        "kubectl-set",
        "kubectl-taint",
    }
)
"""Commands that change a part of what exists already, so that nobody deploys with them."""

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
    APPLIER = "applier"
    """A program that declares a part of the object elsewhere, and applies that."""
    OTHER = "other"
    """A person's client, or a program that nobody declared for this."""


class Manager(NamedTuple):
    """One entry of managedFields."""

    name: str
    operation: str
    subresource: str
    fields: Object
    at: datetime | None = None
    """UTC; when it last changed any of its fields."""
    api_version: str = ""
    """In which the fields are named."""


_AT_ONCE = timedelta(seconds=1)
"""Times of an object count in whole seconds."""


class Owners:
    """Field ownership of one observed object."""

    def __init__(self, body: Object, declared: Sequence[str], operators: frozenset[str] = frozenset()) -> None:
        """Read managedFields.

        Args:
            body: the observed object.
            declared: JSON pointers into it of fields that were declared. A known deployer among the managers
                deploys it, else whoever applied it, else whoever owns most of them.
            operators: names of programs that run in the cluster.
        """
        self._operators = operators
        self._body = body
        self.managers = tuple(_managers(body))
        self._deployer = self._main_deployer(declared)

    @property
    def is_known(self) -> bool:
        """Whether the object carries ownership at all; clients often leave it out of what they print."""
        return any(m.subresource != "status" for m in self.managers)

    @property
    def is_whole(self) -> bool:
        """Whether nobody but the server wrote what no manager owns.

        Not so when nobody is known to deploy the object: its ownership may have been cleared. Nor when fields are
        named in another version of the API, where they may stand elsewhere.
        """
        versions = {m.api_version for m in self.managers if m.subresource != "status"} - {""}
        return self._deployer is not None and versions <= {text(self._body, "apiVersion")}

    def writers(self, path: str) -> list[Manager]:
        """Return the managers that own the field at a JSON pointer, or something inside it."""
        steps = self._steps(path)
        return [m for m in self.managers if m.subresource != "status" and _owns(m.fields, steps)]

    def is_stated(self, manager: Manager, path: str) -> bool:
        """Whether a manager that owns a place set it, and nothing around it.

        What it brought into being holds the defaults of the server too, and it owns all of it: an object that it
        made, a struct or an entry of a list that it added, a value that has one owner for all that is in it.
        """
        node = manager.fields
        is_update = manager.operation == "Update"
        steps = self._steps(path)
        for number, (name, entry) in enumerate(steps):
            child = node.get(name or _entry_key(node, entry) or "")
            if not isinstance(child, dict):
                return False
            node = child
            if is_update and "." in node and number + 1 < len(steps):
                return False
        return not (is_update and self._is_maker(manager))

    def _is_maker(self, manager: Manager) -> bool:
        """Whether a manager made the object and wrote nothing since."""
        made = moment(text(self._body, "metadata", "creationTimestamp"))
        return made is not None and manager.at is not None and manager.at <= made + _AT_ONCE

    def role(self, manager: Manager) -> Writer:
        """Return what a manager is to this object."""
        if manager.name == self._deployer:
            return Writer.DEPLOYER
        if (
            manager.name in _CONTROLLERS
            or manager.name in self._operators
            or any(word in manager.name for word in _CONTROLLER_WORDS)
        ):
            return Writer.CONTROLLER
        if self._deployer is None and manager.name in _DEPLOYERS:
            return Writer.DEPLOYER
        # Who applies states what it wants to be there. `kubectl` is what people do that with.
        is_program = manager.operation == "Apply" and not manager.name.startswith("kubectl")
        return Writer.APPLIER if is_program else Writer.OTHER

    def _main_deployer(self, declared: Sequence[str]) -> str | None:
        able = [m for m in self.managers if m.subresource != "status" and not self._is_busy_elsewhere(m.name)]
        counts = dict.fromkeys((m.name for m in able), 0)
        for path in declared:
            steps = self._steps(path)
            for name in {m.name for m in able if _owns(m.fields, steps)}:
                counts[name] += 1
        appliers = {m.name for m in able if m.operation == "Apply"}
        owning = [n for n, count in counts.items() if count or n in _DEPLOYERS or n in appliers]
        if not owning:
            return None
        return max(owning, key=lambda name: (name in _DEPLOYERS, name in appliers, counts[name], name))

    def _is_busy_elsewhere(self, name: str) -> bool:
        """Whether the name is that of a controller, or of a command that only changes what is there."""
        return is_by_hand(name) or name in _CONTROLLERS or (name in self._operators and name not in _DEPLOYERS)

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


def is_by_hand(name: str) -> bool:
    """Whether a manager is a command that changes what is there, and so never makes anything."""
    return name in _BY_HAND


def is_deploy_tool(name: str) -> bool:
    """Whether a manager is a tool that deploys whole objects, perhaps one that did so before another took over."""
    return name in _DEPLOYERS and not name.startswith("kubectl")


def manager_names(body: Object) -> frozenset[str]:
    """Return the names of all field managers of an observed object."""
    return frozenset(manager.name for manager in _managers(body))


def _managers(body: Object) -> Iterator[Manager]:
    metadata = body.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        # An empty set owns nothing, whereas an empty member of a set owns all below it.
        if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict) and entry["fieldsV1"]:
            yield Manager(
                str(entry.get("manager", "")),
                str(entry.get("operation", "")),
                str(entry.get("subresource", "")),
                entry["fieldsV1"],
                moment(text(entry, "time")),
                text(entry, "apiVersion"),
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
