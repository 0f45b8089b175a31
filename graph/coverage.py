"""How much of an environment has a detector: which resources and fields would show a change, and which are blind.

A field is watched live (its source says by itself when it changes), polled (it is compared at each reading), or blind:
nothing that is read would show a change of it. What is blind is never counted as clean. Fields that a server keeps for
itself (status, revision numbers) are not declared by anybody and are not counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from graph.document import Json, pointer
from graph.environment import EnvironmentGraph, SourceState
from graph.finding import DriftReport, Verdict
from graph.kinds.lenient import leaves
from graph.resource import Facet, Platform, Resource

LATE_AFTER = timedelta(minutes=15)
"""A source that has not been read for longer than this sees nothing that happens now."""

_KEPT_BY_SERVER = frozenset({"status"})
_KEPT_IN_METADATA = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "selfLink",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
    }
)


_Kind: TypeAlias = tuple[Platform, str]


class Detector(StrEnum):
    """What would notice a change."""

    LIVE = "live"
    """The source reports changes as they happen."""
    POLL = "poll"
    """The next reading of the source shows it."""
    BLIND = "blind"
    """Nothing would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Numbers of things by detector."""

    live: int = 0
    poll: int = 0
    blind: int = 0

    @property
    def total(self) -> int:
        return self.live + self.poll + self.blind

    @property
    def share(self) -> float | None:
        """Share that has a detector, 0 to 1; None when there is nothing at all."""
        return (self.live + self.poll) / self.total if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCoverage:
    """Coverage of all resources of one kind."""

    platform: Platform
    kind: str
    resources: Tally
    fields: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSpot:
    """Something that could change unseen."""

    resource: str
    """Display name, or what a source says of a place that it could not read."""
    uid: str
    """Empty where it is not known which resources are concerned."""
    path: str
    """JSON pointer of the field and all below it; empty for the whole resource."""
    fields: int
    """How many fields are concerned; 0 when nobody knows."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What has a detector in an environment, at the time of its graph."""

    resources: Tally
    fields: Tally
    kinds: tuple[KindCoverage, ...]
    """Most fields that are blind first."""
    blind: tuple[BlindSpot, ...]


def coverage(graph: EnvironmentGraph, report: DriftReport) -> Coverage:
    """Tell how much of an environment has a detector.

    Args:
        graph: the environment.
        report: comparison of its facets; what is not comparable there is blind here.
    """
    judge = _Judge(graph, report)
    spots = list(judge.unknown_places())
    resources: dict[_Kind, Counter[Detector]] = defaultdict(Counter)
    fields: dict[_Kind, Counter[Detector]] = defaultdict(Counter)
    for resource in graph:
        if resource.platform is Platform.SERVICE:
            continue
        kind = resource.platform, resource.kind
        detector, ways, blind = judge.of(resource)
        hidden = sum(spot.fields for spot in blind)
        resources[kind][detector] += 1
        fields[kind][detector] += ways - hidden
        fields[kind][Detector.BLIND] += hidden
        spots += blind
    kinds = [
        KindCoverage(platform=kind[0], kind=kind[1], resources=_tally(counted), fields=_tally(fields[kind]))
        for kind, counted in resources.items()
    ]
    kinds.sort(key=lambda k: (-k.fields.blind, -k.resources.blind, k.platform, k.kind))
    return Coverage(
        resources=_tally(sum(resources.values(), Counter())),
        fields=_tally(sum(fields.values(), Counter())),
        kinds=tuple(kinds),
        blind=tuple(sorted(spots, key=lambda s: (-s.fields, s.resource, s.path))),
    )


class _Judge:
    """Knows the sources of an environment and what its comparison could not say."""

    def __init__(self, graph: EnvironmentGraph, report: DriftReport) -> None:
        self._graph = graph
        self._sources: Mapping[str, SourceState] = {s.name: s for s in graph.sources if s.facet is Facet.ACTUAL}
        self._unclear = {n.uid: n.reason for n in report.not_comparable if n.uid}
        self._places = [(n.resource, n.reason) for n in report.not_comparable if not n.uid]
        self._fields: dict[str, dict[str, str]] = {}
        for finding in (*report.findings, *report.tolerated):
            if finding.verdict is Verdict.NOT_COMPARABLE:
                self._fields.setdefault(finding.resource.uid, {})[finding.path] = finding.note or finding.rule
        self._seen_by: dict[_Kind, SourceState] = {}
        for resource in graph:
            version = graph.version(resource.uid, Facet.ACTUAL)
            if version is not None and version.source in self._sources:
                source = self._sources[version.source]
                self._seen_by.setdefault((resource.platform, resource.kind), source)
                if resource.platform is Platform.KUBERNETES:
                    # An API server lists every kind that it has, so a kind without objects is seen as well.
                    self._seen_by.setdefault((resource.platform, ""), source)

    def unknown_places(self) -> Iterator[BlindSpot]:
        """Yield what could not be read and may hold anything."""
        for place, reason in self._places:
            yield BlindSpot(resource=place, uid="", path="", fields=0, reason=reason)

    def of(self, resource: Resource) -> tuple[Detector, int, list[BlindSpot]]:
        """Return the detector of a resource, the number of its fields, and which of them are blind all the same."""
        body = self._graph.body(resource.uid, Facet.INTENDED) or self._graph.body(resource.uid, Facet.ACTUAL)
        ways = [pointer(*way) for way, _ in leaves(_declarable(body))]
        reason = self._unclear.get(resource.uid) or self._blinding(resource)
        if reason:
            return Detector.BLIND, len(ways), [_spot(resource, "", len(ways), reason)]
        found = self._fields.get(resource.uid, {})
        blind = [_spot(resource, path, _below(ways, path), why) for path, why in found.items()]
        source = self._source(resource)
        detector = Detector.LIVE if source is not None and source.is_watched else Detector.POLL
        return detector, len(ways), blind

    def _source(self, resource: Resource) -> SourceState | None:
        version = self._graph.version(resource.uid, Facet.ACTUAL)
        if version is not None and version.source in self._sources:
            return self._sources[version.source]
        seen = self._seen_by.get((resource.platform, resource.kind))
        return seen or self._seen_by.get((resource.platform, ""))

    def _blinding(self, resource: Resource) -> str:
        """Say why nothing would show a change of the resource as a whole; empty when something would."""
        source = self._source(resource)
        if source is None:
            return f"no source reads the actual state of {resource.kind}"
        if source.error:
            return f"source {source.name} failed: {source.error}"
        if source.read_at is None:
            return f"source {source.name} has not been read yet"
        if self._graph.as_of - source.read_at > LATE_AFTER:
            return f"source {source.name} was last read at {source.read_at:%Y-%m-%d %H:%M} UTC"
        return ""


def _declarable(body: Json) -> Json:
    """The part of a document that somebody could declare."""
    if not isinstance(body, dict):
        return {}
    kept = {k: v for k, v in body.items() if k not in _KEPT_BY_SERVER}
    if isinstance(metadata := kept.get("metadata"), dict):
        kept["metadata"] = {k: v for k, v in metadata.items() if k not in _KEPT_IN_METADATA}
    return kept


def _spot(resource: Resource, path: str, fields: int, reason: str) -> BlindSpot:
    return BlindSpot(resource=resource.display, uid=resource.uid, path=path, fields=fields, reason=reason)


def _below(ways: list[str], path: str) -> int:
    return sum(way == path or way.startswith(f"{path}/") for way in ways)


def _tally(counted: Counter[Detector]) -> Tally:
    return Tally(live=counted[Detector.LIVE], poll=counted[Detector.POLL], blind=counted[Detector.BLIND])
