"""Verdict on one difference between the intended and the actual object, with the applied one as the witness.

Order of questions: does it only look different; does the platform do this by design; who, as far as known, brought it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from graph.document import ABSENT, Absent, Json, Object, get, pointer, tokens
from graph.finding import Finding, Severity, Verdict
from graph.kinds.kubernetes.difference import Difference
from graph.kinds.kubernetes.expected import is_by_design, is_server_key, metadata_key
from graph.kinds.kubernetes.locate import locate, value_or_default
from graph.kinds.kubernetes.owners import Manager, Owners, Writer, is_by_hand, is_deploy_tool
from graph.kinds.kubernetes.scaling import Scaling
from graph.kinds.kubernetes.schema import Shape
from graph.kinds.kubernetes.versions import is_newer
from graph.kinds.kubernetes.walk import Walk
from graph.kinds.lenient import mapping
from graph.resource import Resource

ASSUMED = "no applied state: baseline assumed"
NOT_DECLARED = "not declared: the default is"
FILLED_IN = "nobody wrote it: the server filled it in"
SHARED = "applied by a program that shares the object"
UNDESCRIBED = "no schema describes this field"

_SERVER_S = frozenset({"resourceVersion", "uid"})
"""Metadata that only an object has that was read from a server."""

_MATTERS_AS_LABEL = frozenset({"Namespace", "Node", "Pod"})
"""Labels of these decide what policies, schedulers and selectors do."""


@dataclass(frozen=True)
class Case:
    """One resource whose intended and actual object are compared. All objects are in canonical form."""

    resource: Resource
    walk: Walk
    """Intended against actual."""
    applied: Object | None
    raw: Mapping[str, Object]
    """The documents as read, by facet: `intended`, `actual`."""
    scaling: Scaling = field(default_factory=lambda: Scaling(()))
    operators: frozenset[str] = frozenset()
    """Names of programs that run in the cluster."""
    minor: int | None = None
    """The highest minor version that the server can have; None: any."""

    @cached_property
    def owners(self) -> Owners:
        """Field ownership of the actual object."""
        return Owners(self.walk.y_root, _leaves(self.walk.x_root, ""), self.operators)

    def judge(self, difference: Difference) -> Finding | None:
        """Return what a difference means; None when it means nothing at all."""
        if is_server_key(difference) or is_by_design(difference, self.walk.y_root):
            return None
        if difference.rule:
            is_guess = difference.rule == "N09" and not difference.place.owner
            if is_guess:
                note = "no schema tells whether this is the same as no value"
                return self._finding(difference, Verdict.NOT_COMPARABLE, rule="N09", note=note)
            return self._finding(difference, Verdict.REPRESENTATION_ONLY, rule=difference.rule)
        if self.scaling.allows(self.resource, difference):
            return self._finding(
                difference, Verdict.EXPECTED_MUTATION, rule="N21", note="set by an autoscaler or a limit range"
            )
        if difference.x is ABSENT:
            return self._addition(difference)
        return self._declared(difference)

    def _declared(self, difference: Difference) -> Finding:
        """A declared field, or one with a default, that has another value or none."""
        last = difference.place.steps[-1]
        is_gone = get(self.walk.y_root, difference.place.y) is ABSENT
        if is_gone and is_newer(last.kind.name, last.name, self.minor):
            note = f"a server of version 1.{self.minor} or older does not have this field"
            return self._finding(difference, Verdict.NOT_COMPARABLE, rule="N24", note=note)
        writers = self.owners.writers(difference.place.y) if difference.y is not ABSENT else []
        roles = {self.owners.role(w) for w in writers}
        if roles == {Writer.CONTROLLER} and difference.place.x != "/spec/replicas":
            return self._finding(difference, Verdict.EXPECTED_MUTATION, rule="N22", writers=writers)
        if difference.place.is_default and difference.y is not ABSENT and not writers and self.owners.is_whole:
            return self._finding(difference, Verdict.REPRESENTATION_ONLY, rule="N14", note=FILLED_IN)
        if difference.place.is_default and roles == {Writer.APPLIER}:
            return self._finding(difference, Verdict.UNDECLARED_ADDITION, writers=writers, note=SHARED)
        applied = ABSENT if self.applied is None else self._applied(difference)
        is_applied = self.applied is None or self._equals(difference, difference.x, applied)
        if is_applied and Writer.DEPLOYER in roles and self._may_count_as_none(difference):
            # Whoever changes a value takes it from those who owned it, so the deployer is the last who wrote this one.
            note = f"{UNDESCRIBED}: the server may have taken the declared value for none"
            return self._finding(difference, Verdict.NOT_COMPARABLE, rule="N09", writers=writers, note=note)
        if self.applied is None:
            if roles == {Writer.DEPLOYER}:
                return self._finding(difference, Verdict.PENDING_ROLLOUT, writers=writers, note="by managedFields")
            return self._finding(difference, Verdict.OUT_OF_BAND_CHANGE, writers=writers, note=ASSUMED)
        if is_applied:
            return self._finding(difference, Verdict.OUT_OF_BAND_CHANGE, applied=applied, writers=writers)
        if self._equals(difference, applied, difference.y, completed=True):
            return self._finding(difference, Verdict.PENDING_ROLLOUT, applied=applied, writers=writers)
        return self._finding(difference, Verdict.CONFLICT, applied=applied, writers=writers)

    def _may_count_as_none(self, difference: Difference) -> bool:
        """Whether a server may take the declared value for no value, and have filled in its default.

        It does where its type can't tell a zero from none, in kinds of its own; custom resources keep a zero.
        """
        return not difference.x and difference.is_undescribed and self.walk.kind.shape is not Shape.UNKNOWN

    def _addition(self, difference: Difference) -> Finding:
        """A field, an entry or a key that nobody declares any more, or never did."""
        writers = self.owners.writers(difference.place.y)
        is_told = self._tells_of(difference)
        applied = self._applied(difference) if is_told else ABSENT
        if applied is not ABSENT:
            is_left = self._equals(difference, applied, difference.y, completed=True)
            verdict = Verdict.PRUNE_PENDING if is_left else Verdict.CONFLICT
            return self._finding(
                difference, verdict, applied=applied, writers=writers, note="dropped from the declaration"
            )
        roles = {self.owners.role(w) for w in writers}
        is_entry = difference.place.steps[-1].position >= 0
        if difference.may_be_filled_in and self._came_along(difference, writers, roles, is_told=is_told):
            note = f"{UNDESCRIBED}: a default of the server, or set with what is around it"
            return self._finding(difference, Verdict.NOT_COMPARABLE, rule="owner", writers=writers, note=note)
        if Writer.OTHER in roles or (is_entry and is_told and Writer.DEPLOYER in roles):
            # The deployer owns a list without keys as a whole, also when it wrote it without this entry.
            return self._finding(difference, Verdict.OUT_OF_BAND_CHANGE, rule="owner", writers=writers)
        if Writer.DEPLOYER in roles and not is_told and not _is_sizing(difference):
            if difference.is_undescribed and all(w.operation != "Apply" for w in writers):
                note = f"{UNDESCRIBED}: made by the server, or dropped from the declaration"
                return self._finding(difference, Verdict.NOT_COMPARABLE, rule="owner", writers=writers, note=note)
            note = "dropped from the declaration, by managedFields"
            return self._finding(difference, Verdict.PRUNE_PENDING, rule="owner", writers=writers, note=note)
        if self.owners.is_known and not writers and _is_field(difference):
            return self._finding(difference, Verdict.REPRESENTATION_ONLY, rule="N14", note=FILLED_IN)
        if self.owners.is_known or self._may_be_automatic(difference):
            note = SHARED if roles == {Writer.APPLIER} else ""
            return self._finding(difference, Verdict.UNDECLARED_ADDITION, writers=writers, note=note)
        note = "" if self.applied is not None else ASSUMED
        return self._finding(difference, Verdict.OUT_OF_BAND_CHANGE, note=note)

    def _tells_of(self, difference: Difference) -> bool:
        """Whether what was applied tells of a place. A copy of a live object holds the server's defaults, too."""
        if self.applied is None:
            return False
        return not (difference.may_be_filled_in and _SERVER_S & mapping(self.applied, "metadata").keys())

    def _came_along(self, difference: Difference, writers: list[Manager], roles: set[Writer], *, is_told: bool) -> bool:
        """Whether a field may be owned only because its owners wrote what is around it, defaults included.

        A deployer may do so again and again, and what an `apply` left out its annotation tells; of others each must.
        """
        if not roles & {Writer.DEPLOYER, Writer.OTHER} or (is_told and roles == {Writer.DEPLOYER}):
            return False
        return all(self._is_part(difference, w) for w in writers if self.owners.role(w) is not Writer.CONTROLLER)

    def _is_part(self, difference: Difference, writer: Manager) -> bool:
        if not self.owners.is_stated(writer, difference.place.y):
            return True
        if writer.operation != "Update":
            return False
        is_deployer = self.owners.role(writer) is Writer.DEPLOYER or is_deploy_tool(writer.name)
        return is_deployer or self._wrote_all(difference, writer)

    def _wrote_all(self, difference: Difference, writer: Manager) -> bool:
        """Whether a manager owns something beside the place that is as declared: an edit would not have touched it."""
        if is_by_hand(writer.name):
            return False
        place, kind = difference.place, difference.place.steps[-1].kind
        at_x, at_y = (path.rpartition("/")[0] for path in (place.x, place.y))
        declared, own = get(self.walk.x_root, at_x), get(self.walk.y_root, at_y)
        declared = declared if isinstance(declared, dict) else {}
        for name, value in own.items() if isinstance(own, dict) else ():
            stated = value_or_default(kind, name, declared, self.walk.x_root, at_x)
            beside = replace(place, field=name)
            is_kept = stated is not ABSENT and self.walk.is_same(
                kind.field(name), stated, value, beside, completed=True
            )
            if is_kept and writer in self.owners.writers(at_y + pointer(name)):
                return True
        return False

    def _may_be_automatic(self, difference: Difference) -> bool:
        """Whether, with no writer known, automation is as likely to have added this as a person.

        Kubernetes asks automated components to put a prefix into the keys they add to objects of users; keys without
        one are the users' own. Injectors add environment variables that show a container its own pod. A custom
        resource may have defaults that only its schema would show, and so may a field newer than the known schema.
        https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/

        One entry more in a list that is declared changes what is declared, whatever the list is of.
        """
        if difference.place.steps[-1].position >= 0 and difference.kind.shape is Shape.UNKNOWN:
            return False
        key = metadata_key(difference)
        if key is not None:
            is_annotation = difference.place.field == "annotations"
            return "/" in key or (is_annotation and self.applied is None)
        if difference.place.field == "env" and isinstance(difference.y, dict):
            source = difference.y.get("valueFrom")
            return isinstance(source, dict) and bool({"fieldRef", "resourceFieldRef"} & source.keys())
        return difference.is_undescribed

    def _applied(self, difference: Difference) -> Json | Absent:
        if self.applied is None:
            return ABSENT
        steps = difference.place.steps
        if steps[-1].position < 0 or (difference.x is not ABSENT and difference.y is not ABSENT):
            return locate(self.applied, steps)
        # Positions shift where an entry without a key came or went, so the entry is looked for by its value.
        entries = locate(self.applied, steps[:-1])
        entry = difference.y if difference.x is ABSENT else difference.x
        is_there = isinstance(entries, list) and any(
            self._equals(difference, other, entry, completed=True) for other in entries
        )
        return entry if is_there else ABSENT

    def _equals(
        self, difference: Difference, value: Json | Absent, other: Json | Absent, *, completed: bool = False
    ) -> bool:
        return self.walk.is_same(difference.kind, value, other, difference.place, completed=completed)

    def _finding(
        self,
        difference: Difference,
        verdict: Verdict,
        *,
        rule: str = "",
        note: str = "",
        applied: Json | Absent = ABSENT,
        writers: list[Manager] | None = None,
    ) -> Finding:
        place = difference.place
        if place.is_default and difference.x is not ABSENT:
            note = "; ".join(part for part in (f"{NOT_DECLARED} {difference.x}", note) if part)
            rule = rule or "N14"
        path = self._as_written("intended", place.x) if difference.x is not ABSENT else place.y
        actual_path = self._as_written("actual", place.y)
        if path == place.y and difference.x is ABSENT:
            path = actual_path
        return Finding(
            resource=self.resource,
            path=path,
            verdict=verdict,
            intended=difference.x,
            applied=applied,
            actual=ABSENT if difference.y is ABSENT else get(self.raw["actual"], actual_path),
            rule=rule,
            severity=self._severity(difference),
            actual_path="" if actual_path == path else actual_path,
            manager=", ".join(dict.fromkeys(w.name for w in writers or ())),
            note=note,
        )

    def _as_written(self, facet: str, path: str) -> str:
        """Give the path in the document as it was read: a Secret's value may stand in stringData."""
        parts = tokens(path)
        body = self.raw.get(facet, {})
        if body.get("kind") == "Secret" and len(parts) == 2 and parts[0] == "data":
            plain = "/stringData" + path.removeprefix("/data")
            return plain if get(body, plain) is not ABSENT else path
        return path

    def _severity(self, difference: Difference) -> Severity:
        place = difference.place
        if difference.is_order and place.field == "tolerations":
            return Severity.COSMETIC
        if place.owner == "ObjectMeta" and place.field == "annotations":
            return Severity.COSMETIC
        if place.owner == "ObjectMeta" and place.field == "labels":
            is_top = len(place.steps) <= 3 and self.resource.kind not in _MATTERS_AS_LABEL
            return Severity.COSMETIC if is_top and difference.x is ABSENT else Severity.NORMAL
        return Severity.NORMAL


def _is_field(difference: Difference) -> bool:
    """Whether it is a field of a struct, of which servers have defaults, and no key of a map or entry of a list."""
    last = difference.place.steps[-1]
    return bool(last.name) and last.kind.shape is not Shape.MAP


def _is_sizing(difference: Difference) -> bool:
    """Whether it is a container's sizes: admission writes them in the name of whoever creates the object."""
    return difference.place.owner in ("ResourceRequirements", "Container") and "/resources" in difference.place.y


def _leaves(value: Json, at: str) -> list[str]:
    """Return pointers of the scalars of an object, lists left out: enough to see who owns most of it."""
    if isinstance(value, dict):
        found: list[str] = []
        for key, inner in value.items():
            if not at and key in ("apiVersion", "kind", "status"):
                continue
            found += _leaves(inner, f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
        return found
    return [at]
