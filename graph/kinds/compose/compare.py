"""Compares Compose projects, three-way where it is known what was applied, else intended against actual.

The actual state is another file, such as `docker compose config` prints, or what `docker inspect` shows. Containers
show less than a file says, and beside it what their image brings along: of them only what can be told apart counts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from graph.document import ABSENT, Absent, Json, Object, canonical, pointer
from graph.finding import Finding, NotComparable, Verdict, three_way
from graph.kinds.compose.identity import project_of
from graph.kinds.compose.inspection import OBSERVED
from graph.kinds.compose.shape import plain
from graph.kinds.kubernetes.quantity import image as full_image
from graph.kinds.lenient import entries, mapping
from graph.resource import Resource
from graph.version import Document

_UNSEEN: Final = "no source shows what runs of Compose projects: give the output of `docker inspect`"
ASSUMED: Final = "no applied state: baseline assumed"
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "ports": ("target", "protocol"),
    "volumes": ("target",),
    "secrets": ("source",),
    "configs": ("source",),
}
"""List to what tells its entries apart."""
_BOOKKEEPING: Final = frozenset({"unknown", OBSERVED, "env_file", "extends"})
"""Members that say where other values came from."""
_STARTING: Final = frozenset({"build", "depends_on", "develop", "links", "profiles", "pull_policy", "scale"})
"""Fields that say how a service is made and started; a container has no such state."""
_DEFAULTS: Final[Object] = {"restart": "no", "privileged": False, "read_only": False, "mem_limit": 0, "cpus": 0.0}
"""What Docker does where a file says nothing, for fields that no image sets."""
_FROM_DEPLOY: Final[Mapping[str, tuple[str, ...]]] = {
    "mem_limit": ("deploy", "resources", "limits", "memory"),
    "cpus": ("deploy", "resources", "limits", "cpus"),
}
"""Field to the place that Compose takes it from as well."""
_SHOWN: Final = frozenset({"cap_add", "cap_drop", "networks", "ports", "security_opt", "volumes", *_DEFAULTS})
"""Fields of a container that the image has no part in: what is not declared was added by hand."""
_TEXTS: Final = frozenset({"environment", "labels"})
"""Mappings of texts, in which an empty one counts, and to which an image adds keys of its own."""
_BY_NAME: Final = frozenset({*_TEXTS, "depends_on", "networks"})
"""Mappings in which a key says something even where its value is empty."""
_ANONYMOUS: Final = 64
"""Length of the name of a volume that an image or a file asks for without naming it."""


def compare(
    *,
    intended: Sequence[Document],
    applied: Sequence[Document] | None,
    actual: Sequence[Document],
    unread: frozenset[str] = frozenset(),
    complete: bool = True,
    is_observed: bool = False,
) -> tuple[list[Finding], list[NotComparable]]:
    """Compare the three facets of Compose projects.

    Args:
        intended: what files declare.
        applied: what was started last; None when nobody knows.
        actual: what runs.
        unread: uids about which nothing can be said.
        complete: False when `actual` may lack what exists.
        is_observed: some source shows what runs of Compose projects, although `actual` may be empty.

    Returns:
        Findings, tolerated ones among them, and what can't be compared: all of it where nothing was observed.
    """
    if not actual and not is_observed:
        # Many repositories hold a Compose file for development beside what is deployed to a cluster.
        return [], [_doubt(d.resource, _UNSEEN) for d in intended if d.resource.uid not in unread]
    if not intended and not applied:
        return [], []
    facets = [{d.resource.uid: d for d in documents} for documents in (intended, applied or (), actual)]
    projects = {project_of(d) for d in (*intended, *(applied or ()))}
    only_containers = all(OBSERVED in d.body for d in actual)
    findings: list[Finding] = []
    unclear: list[NotComparable] = []
    for uid in dict.fromkeys(uid for facet in facets for uid in facet):
        sides = _Sides(*(facet.get(uid) for facet in facets))
        one = sides.any
        if uid in unread or project_of(one) not in projects:
            continue
        if sides.intended and sides.actual:
            walk = _Walk(
                resource=one.resource,
                intended=sides.intended.body,
                applied=sides.applied.body if sides.applied else None,
                actual=sides.actual.body,
            )
            findings += walk.findings()
            unclear += walk.unclear
        elif one.resource.kind != "service" and only_containers:
            if sides.intended:
                unclear.append(_doubt(one.resource, "the actual state lists containers only"))
        elif (finding := _presence(one.resource, sides, knows=applied is not None)) is not None:
            if finding.intended is not ABSENT and not complete:
                unclear.append(_doubt(one.resource, "not observed, and what was observed is incomplete"))
            else:
                findings.append(finding)
    return findings, unclear


class _Sides(NamedTuple):
    """The documents of one resource."""

    intended: Document | None
    applied: Document | None
    actual: Document | None

    @property
    def any(self) -> Document:
        """The first one that exists."""
        return next(side for side in self if side is not None)


def _doubt(resource: Resource, reason: str) -> NotComparable:
    return NotComparable(resource=resource.display, reason=reason, uid=resource.uid)


def _presence(resource: Resource, sides: _Sides, *, knows: bool) -> Finding | None:
    """Return what it means that one side has no such resource; `knows` tells whether the applied state is known."""
    intended, applied, actual = sides
    if intended is not None:
        if _is_idle(intended.body):
            return None
        verdict = Verdict.NEVER_APPLIED if knows and applied is None else Verdict.DELETED_OUT_OF_BAND
        note = "" if knows else ASSUMED
        return Finding(resource=resource, path="", verdict=verdict, intended=intended.body, note=note)
    if actual is None:
        return None
    verdict = Verdict.PRUNE_PENDING if applied is not None else Verdict.UNMANAGED
    return Finding(resource=resource, path="", verdict=verdict, actual=actual.body)


def _is_idle(body: Object) -> bool:
    """Whether a service is declared but not to be run: it is in a profile, or its number is 0."""
    replicas = mapping(body, "deploy").get("replicas")
    return bool(body.get("profiles")) or 0 in (body.get("scale", 1), 1 if replicas is None else replicas)


Way: TypeAlias = tuple[str | int, ...]


class _Values(NamedTuple):
    """The value of one place in each facet; ABSENT where there is none."""

    intended: Json | Absent
    applied: Json | Absent
    actual: Json | Absent

    def member(self, key: str) -> _Values:
        """Return the values of a member."""
        return _Values(*(v.get(key, ABSENT) if isinstance(v, dict) else ABSENT for v in self))


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The comparison of one service, network, volume, secret or config."""

    resource: Resource
    intended: Object
    applied: Object | None
    actual: Object
    unclear: list[NotComparable] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        is_observed = OBSERVED in self.actual
        left, right = self._fields(self.intended), self._fields(self.actual)
        middle = None if self.applied is None else self._fields(self.applied)
        for name in dict.fromkeys((*left, *right)):
            if name in _BOOKKEEPING or (is_observed and name in _STARTING):
                continue
            if is_observed and name not in left and name not in _SHOWN | {"deploy"}:
                continue
            if is_observed and name in left and name not in right:
                self._doubt(pointer(name), "containers do not show it")
                continue
            below = ABSENT if middle is None else middle.get(name, ABSENT)
            values = _Values(left.get(name, ABSENT), below, right.get(name, ABSENT))
            yield from self._compare(name, (name,), values)

    def _fields(self, body: Object) -> Object:
        """Return the fields of a body with what a file may leave out, or say in two places."""
        if self.resource.kind != "service":
            return body
        deploy = mapping(body, "deploy")
        fields: Object = {**_DEFAULTS, **body}
        for name, way in _FROM_DEPLOY.items():
            value = mapping(body, *way[:-1]).get(way[-1])
            if value is not None and name not in body:
                fields[name] = value
        fields["deploy"] = {"replicas": deploy.get("replicas", body.get("scale", 1))}
        rest = {k: v for k, v in deploy.items() if k not in {"replicas", "resources"}}
        if rest and OBSERVED not in self.actual:
            fields["deploy"] |= rest
        return fields

    def _compare(self, name: str, way: Way, values: _Values) -> Iterator[Finding]:
        path = pointer(*way)
        intended, _, actual = values
        variable = self._variable(path)
        if variable is not None and canonical(intended) != canonical(actual):
            self._doubt(path, f"it needs the variable {variable}, which no file gives")
        elif isinstance(intended, dict) and isinstance(actual, dict):
            yield from self._members(name, way, values, intended, actual)
        elif name in _KEYS and isinstance(intended, list | Absent) and isinstance(actual, list | Absent):
            yield from self._entries(name, way, values)
        elif intended is None and name == "environment":
            self._doubt(path, "it is taken from the environment of whoever runs Compose")
        else:
            yield from self._leaf(name, path, values)

    def _members(self, name: str, way: Way, values: _Values, intended: Object, actual: Object) -> Iterator[Finding]:
        is_observed = OBSERVED in self.actual
        if is_observed and name == "networks":
            values = _Values(*({key: {} for key in v} if isinstance(v, dict) else v for v in values))
        is_open = is_observed and (name in _TEXTS or name not in _SHOWN)
        for key in dict.fromkeys((*intended, *(() if is_open else actual))):
            inner = name if name in _BY_NAME else key
            yield from self._compare(inner, (*way, key), values.member(key))

    def _entries(self, name: str, way: Way, values: _Values) -> Iterator[Finding]:
        if any("as_written" in entry for _, entry in entries(values.intended)):
            self._doubt(pointer(*way), "it needs variables that no file gives")
            return
        left, middle, right = (_named(v if isinstance(v, list) else [], _KEYS[name]) for v in values)
        for key in dict.fromkeys((*left, *right)):
            mine, theirs = left.get(key), right.get(key)
            if mine is None and theirs is not None and _is_anonymous(theirs.value):
                continue
            position = (mine or theirs or _NO_ENTRY).position
            actual = ABSENT if theirs is None else theirs.value
            if mine is not None and isinstance(mine.value, dict) and isinstance(actual, dict):
                actual = {k: v for k, v in actual.items() if k in mine.value or not _is_given(name, k, actual)}
            intended = ABSENT if mine is None else mine.value
            yield from self._compare("", (*way, position), _Values(intended, middle.get(key, _NO_ENTRY).value, actual))

    def _leaf(self, name: str, path: str, values: _Values) -> Iterator[Finding]:
        intended, applied, actual = values
        same = _equal(name, intended, actual)
        if self.applied is None:
            verdict = Verdict.IN_SYNC if same else Verdict.OUT_OF_BAND_CHANGE
        elif intended is ABSENT and not same and _equal(name, actual, applied):
            verdict = Verdict.PRUNE_PENDING
        else:
            verdict = three_way(
                intended_is_applied=_equal(name, intended, applied),
                actual_is_applied=_equal(name, actual, applied),
                actual_is_intended=same,
            )
        if verdict is Verdict.IN_SYNC:
            if canonical(intended) == canonical(actual) or name not in {"image", "source"}:
                return
            verdict = Verdict.REPRESENTATION_ONLY
        note = ASSUMED if self.applied is None and verdict is Verdict.OUT_OF_BAND_CHANGE else ""
        yield Finding(
            resource=self.resource,
            path=path,
            verdict=verdict,
            intended=intended,
            applied=applied,
            actual=actual,
            note=note,
        )

    def _variable(self, path: str) -> str | None:
        for body in (self.intended, self.actual):
            if path in (unknown := mapping(body, "unknown")):
                return str(unknown[path])
        return None

    def _doubt(self, place: str, why: str) -> None:
        self.unclear.append(_doubt(self.resource, f"{place}: {why}"))


class _Entry(NamedTuple):
    """An entry of a list and where it stands."""

    position: int
    value: Json | Absent


_NO_ENTRY: Final = _Entry(0, ABSENT)


def _named(many: list[Json], keys: tuple[str, ...]) -> dict[tuple[str, ...], _Entry]:
    found: dict[tuple[str, ...], _Entry] = {}
    for index, entry in enumerate(many):
        name = tuple(plain(entry.get(key)) for key in keys) if isinstance(entry, dict) else (plain(entry),)
        while name in found:
            name = (*name, "again")
        found[name] = _Entry(index, entry)
    return found


def _is_given(name: str, key: str, entry: Object) -> bool:
    """Whether Docker gave an entry this member because the file leaves it open, such as the port on the host."""
    return (name == "ports" and key in {"published", "host_ip", "mode"}) or (name == "volumes" and _is_anonymous(entry))


def _is_anonymous(entry: Json) -> bool:
    source = entry.get("source") if isinstance(entry, dict) else None
    return isinstance(source, str) and len(source) == _ANONYMOUS and set(source) <= set("0123456789abcdef")


def _equal(name: str, one: Json | Absent, other: Json | Absent) -> bool:
    if canonical(one) == canonical(other):
        return True
    if name not in _BY_NAME and _is_nothing(one) and _is_nothing(other):
        return True
    if any(isinstance(v, dict | list | Absent) or v is None for v in (one, other)):
        return False
    if name == "image":
        return bool(full_image(one) == full_image(other))
    if name == "source":
        return _same_path(str(one), str(other))
    return plain(one) == plain(other)


def _is_nothing(value: Json | Absent) -> bool:
    return value is ABSENT or value is None or value in ("", False, 0) or value == [] or value == {}


def _same_path(one: str, other: str) -> bool:
    """Whether two paths may be the same: a relative one is so below a folder that the file does not tell."""
    short, long = sorted((posixpath.normpath(one), posixpath.normpath(other)), key=posixpath.isabs)
    if posixpath.isabs(short) or not posixpath.isabs(long):
        return short == long
    tail = posixpath.normpath("/".join(p for p in short.split("/") if p not in {"..", "~"}))
    return tail == "." or long.endswith(f"/{tail}")
