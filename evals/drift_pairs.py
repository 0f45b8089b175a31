"""Recorded Kubernetes objects and IAM policies with known answers: `python -m evals.drift_pairs` prints the figures.

Four parts: published pairs of declared and live object; dumps of a real cluster untouched, after edits by hand and
after a deployment; who made each edit, by the audit log; and pairs of IAM policies. Two simple differs stand beside.
The answers are read for scoring only.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evals.drift.simple import SIMPLE
from graph.attribution import attribute
from graph.change import Change
from graph.drift import Finding, compare
from graph.environment import EnvironmentGraph, SourceState
from graph.explanation import explain
from graph.kinds.aws.policy import canonical, equivalent
from graph.kinds.kubernetes.parse import expand, parse
from graph.resource import Facet
from graph.version import Document, Version
from tools.adapters.kubernetes_audit import KubernetesAudit

Object = dict[str, Any]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SALT = b"pairs"
_DEPLOYERS = frozenset({"deploy-pipeline"})
_DUMPS = {
    "live-0-untouched.json.gz": ("manifest.yaml", "live-0-untouched.json.gz"),
    "live-1-edited.json.gz": ("manifest.yaml", "live-1-edited.json.gz"),
    "live-2-deployed.json.gz": ("manifest-2.yaml", "live-1-edited.json.gz"),
}
"""Dump, what was declared then, and the dump whose listed drift is also true of it."""


class Pair(NamedTuple):
    """How one published pair was judged."""

    name: str
    is_verdict_right: bool
    missed: int
    """Required places without a finding."""
    noise: int
    """Findings outside of what is required or allowed."""
    simple: dict[str, int]
    """By simple differ: fields outside of what is required or allowed."""

    @property
    def is_exact(self) -> bool:
        return self.is_verdict_right and not self.missed and not self.noise


def pairs(folder: Path) -> Iterator[Pair]:
    """Judge each published pair of a declared and a live object."""
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        expected = json.loads((path / "expected.json").read_text())
        config, live = (_load(path / expected["files"][side]) for side in ("config", "live"))
        report = compare(intended=_parse(config), applied=None, actual=_parse(live))
        findings = [f for f in report.findings if f.path not in expected.get("ignore_rules", ())]
        wanted, allowed = expected["required"], expected["allowed"]
        known = [p for entry in (*wanted, *allowed) for p in _pointers(entry)]
        yield Pair(
            path.name,
            bool(findings) is expected["drift"],
            sum(not any(_is_in(p, _pointers(w)) for f in findings for p in _paths(f)) for w in wanted),
            sum(not any(_is_in(p, known) for p in _paths(f)) for f in findings),
            {n: sum(not _is_in(p, known) for p in differ(config[0], live[0])) for n, differ in SIMPLE.items()},
        )


@dataclass(slots=True)
class Dump:
    """How one dump of the recorded cluster was judged."""

    name: str
    expected: int
    found: int = 0
    """Listed drifts at their place, with verdict and severity."""
    extra: list[str] = field(default_factory=list)
    """Findings that are not listed."""
    actors: Counter[str] = field(default_factory=Counter)
    """Actors and channels of the listed drifts, as the product names them."""
    simple: dict[str, int] = field(default_factory=dict)


def dumps(folder: Path) -> Iterator[Dump]:
    """Judge the dumps of the recorded cluster, and who changed what by its audit log."""
    truth = json.loads((folder / "expected.json").read_text())["snapshots"]
    for name, (manifest, listed) in _DUMPS.items():
        declared, live = _load(folder / manifest), _load(folder / name)
        report = compare(intended=_parse(declared), applied=None, actual=_parse(live))
        outcome = Dump(name, len(truth[listed]["drift"]))
        left = list(report.findings)
        graph = _graph(folder, _parse(declared), _parse(live), _moment(truth[name]["at"]))
        for drift in truth[listed]["drift"]:
            match = next((f for f in left if _is_listed(f, drift)), None)
            if match is not None:
                left.remove(match)
                outcome.found += 1
                outcome.actors[_who(attribute(graph, match, deployers=_DEPLOYERS))] += 1
        outcome.extra = [f"{f.resource.display} {f.path}" for f in left]
        by_uid = {d.resource.uid: d.body for d in _parse(live)}
        for differ_name, differ in SIMPLE.items():
            fields = [p for d in _parse(declared) for p in differ(d.body, by_uid.get(d.resource.uid, {}))]
            outcome.simple[differ_name] = len(fields)
        yield outcome


def deployed_change(folder: Path) -> str:
    """Return who brought the image of the one deployment, and by what channel, as the product names it.

    The pipeline's run is between the second and the third dump; that is all that is told of it.
    """
    truth = json.loads((folder / "expected.json").read_text())["snapshots"]
    begun, ended = (_moment(truth[name]["at"]) for name in list(_DUMPS)[1:])
    declared, live = _parse(_load(folder / "manifest-2.yaml")), _parse(_load(folder / "live-2-deployed.json.gz"))
    run = Change(id="run", uid="", kind="deploy", earliest=begun, latest=ended, source="pipeline")
    graph = _graph(folder, declared, live, ended, declared_at=begun, runs=[run])
    resource = next(d.resource for d in declared if d.resource.name == "shippingservice" and d.resource.group == "apps")
    found = explain(graph, resource, "/spec/template/spec/containers/0/image", deployers=_DEPLOYERS)
    return _who(found.changes[0]) if found.changes and not found.findings else "no change known"


def _who(change: Change) -> str:
    return f"{change.actor.name if change.actor else 'nobody known'}, {change.channel.value.replace('_', ' ')}"


def policies(path: Path) -> tuple[int, int]:
    """Return how many pairs of IAM policies are judged as the published table says, and how many there are."""
    table = json.loads(path.read_text())
    return sum(equivalent(p["a"], p["b"]) is p["equivalent"] for p in table), len(table)


def multisets(path: Path, *, cases: int = 500) -> tuple[int, int]:
    """Return how many multiset cases are right of how many: statements of the published policies, doubled at random.

    A document equals its own statements in another order, and no document in which one more of them stands twice.
    """
    chooser = random.Random(1)  # noqa: S311  (repeatable on purpose)
    documents = [canonical(p["a"]) for p in json.loads(path.read_text()) if p["equivalent"]]
    whole = [
        d["Statement"] for d in documents if d.get("Statement") and all(isinstance(s, dict) for s in d["Statement"])
    ]
    right = 0
    for _ in range(cases):
        statements = [*chooser.choice(whole), *chooser.choice(whole)]
        shuffled = chooser.sample(statements, len(statements))
        more = [*shuffled, chooser.choice(statements)]
        right += equivalent({"Statement": statements}, {"Statement": shuffled})
        right += not equivalent({"Statement": statements}, {"Statement": more})
    return right, 2 * cases


def _graph(
    folder: Path,
    declared: Sequence[Document],
    live: Sequence[Document],
    at: datetime,
    *,
    declared_at: datetime | None = None,
    runs: Sequence[Change] = (),
) -> EnvironmentGraph:
    """The environment at the time of a dump, with all that the audit log tells by then."""
    log = KubernetesAudit("audit", folder / "audit.jsonl.gz", cluster="c", deployers=_DEPLOYERS, salt=_SALT)
    changes = [*runs, *(c for c in log.changes(None).changes if c.latest <= at + timedelta(seconds=1))]
    sources = [SourceState("git", Facet.INTENDED, at, ""), SourceState("cluster", Facet.ACTUAL, at, "")]
    versions = [
        *(_version(d, Facet.INTENDED, "git", declared_at or at) for d in declared),
        *(_version(d, Facet.ACTUAL, "cluster", at) for d in live),
    ]
    return EnvironmentGraph(
        name="recorded", as_of=at, versions=versions, history=versions, relations=(), changes=changes, sources=sources
    )


def _version(document: Document, facet: Facet, source: str, at: datetime) -> Version:
    return Version(
        resource=document.resource,
        facet=facet,
        body=document.body,
        source=source,
        valid_from=at,
        valid_to=None,
        last_seen=at,
        recorded_at=at,
    )


def _is_listed(finding: Finding, drift: Object) -> bool:
    return (
        finding.resource.display == drift["resource"]
        and finding.path.startswith(drift["pointer"])
        and finding.verdict.value == drift["verdict"]
        and finding.severity.value == drift.get("severity", "normal")
    )


def _load(path: Path) -> list[Object]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if path.suffix in (".json", ".gz"):
        return expand(json.loads(content))
    return [o for body in yaml.load_all(content, Loader=_LOADER) if body for o in expand(body)]


def _parse(bodies: Sequence[Object]) -> list[Document]:
    return [parse(body, cluster="c", salt=_SALT) for body in bodies]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _pointers(entry: Object) -> list[str]:
    return [entry[name] for name in ("config_pointer", "live_pointer") if name in entry]


def _paths(finding: Finding) -> set[str]:
    return {finding.path, finding.actual_path or finding.path}


def _is_in(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; 1 when one of them is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m evals.drift_pairs", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PLUMBLINE_SHARED", "../shared")) / "data")
    data = parser.parse_args(arguments).data
    judged = list(pairs(data / "k8s-diff-pairs"))
    recorded = list(dumps(data / "k8s-live"))
    table = data / "iam" / "policy_equivalence.json"
    published, doubled = policies(table), multisets(table)
    print("\n".join([*_told_pairs(judged), *(line for dump in recorded for line in _told_dump(dump))]))
    print(f"the deployed image: {deployed_change(data / 'k8s-live')}")
    print(f"iam: {published[0]} of {published[1]} pairs right, {doubled[0]} of {doubled[1]} multiset cases right")
    is_good = all(p.is_exact for p in judged) and all(d.found == d.expected and not d.extra for d in recorded)
    return 0 if is_good and published[0] == published[1] and doubled[0] == doubled[1] else 1


def _told_pairs(judged: Sequence[Pair]) -> Iterator[str]:
    wrong = [p for p in judged if not p.is_exact]
    missed, noise = sum(p.missed for p in judged), sum(p.noise for p in judged)
    yield f"pairs: {len(judged) - len(wrong)} of {len(judged)} exact; missed {missed} places, noise {noise} fields"
    for name in SIMPLE:
        fields = [p.simple[name] for p in judged if p.simple[name]]
        yield f"  {name}: noise {sum(fields)} fields on {len(fields)} pairs"
    yield from (f"  wrong: {p.name}" for p in wrong)


def _told_dump(dump: Dump) -> Iterator[str]:
    who = ", ".join(f"{count} by {actor}" for actor, count in dump.actors.items()) or "nothing to attribute"
    yield f"{dump.name}: {dump.found} of {dump.expected} found, {len(dump.extra)} more; {who}"
    yield "  " + ", ".join(f"{name} differ: {count} fields" for name, count in dump.simple.items())
    yield from (f"  not listed: {line}" for line in dump.extra)


if __name__ == "__main__":
    sys.exit(main())
