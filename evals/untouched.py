"""Is a freshly applied estate clean on a real API server, and is each edit found? `python -m evals.untouched`.

Applies public manifests with kubectl in the usual ways, reads the server with the product's adapter, and compares:
no finding may come of it. Then objects are edited through the server, one place each: exactly these must be found. With
`--forget` the product does not know what the server fills in, as of a server that is far newer.
The server is one that runs already (`--kubeconfig`), or is started for the purpose (`--apiserver`, `--etcd`).
Nothing in the test suite depends on it.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals.drift.cluster import Kubectl, started
from evals.drift.estates import estates, every_kind, manifests
from evals.drift.forgetting import forgotten
from evals.drift.mutation import Mutation, is_found, mutate
from graph.drift import DriftReport, Finding, compare
from graph.kinds.kubernetes.parse import parse
from graph.kinds.kubernetes.scope import split_api_version
from graph.version import Document, Snapshot
from tools.adapters.kubernetes_api import KubernetesApi

Object = dict[str, Any]

WAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "apply": (("apply",),),
    "server-side apply": (("apply", "--server-side", "--force-conflicts"),),
    "create": (("create",),),
    "create and replace": (("create",), ("replace",)),
}
"""Commands of kubectl, one after the other."""
_SALT, _CLUSTER = b"evaluation", "evaluated"
_FIRST = ("Namespace", "ServiceAccount")
"""Kinds that others need to be there."""
_SETTLING_S = 6.0
"""Controllers get this long to do their part."""


@dataclass(slots=True)
class Outcome:
    """What was found of one estate, written in one way."""

    estate: str
    way: str
    objects: Counter[str] = field(default_factory=Counter)
    """By kind: objects that the server took."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By kind: objects of kinds that the server does not have, or that it refused."""
    alarms: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What kubectl said when something was not taken."""
    edits: int = 0
    exact: int = 0
    wrong: list[str] = field(default_factory=list)


class Trial:
    """One estate on one server."""

    def __init__(self, kubectl: Kubectl, name: str, bodies: Sequence[Object], way: str) -> None:
        self._kubectl = kubectl
        self._namespace = f"{name}-{way}".lower().replace(" ", "-").replace("/", "-")[:60].strip("-")
        self._way = way
        self.outcome = Outcome(name, way)
        self._served = kubectl.served()
        definitions = [b for b in bodies if b["kind"] == "CustomResourceDefinition" and self._has(b)]
        if definitions:
            # Their resources are kinds of the server from now on.
            self._send(definitions)
            time.sleep(_SETTLING_S)
            self._served = kubectl.served()
        minor = kubectl.minor()
        self._bodies = [self._moved(adapted(b, minor)) for b in bodies if self._has(b)]
        self.outcome.left_out.update(b["kind"] for b in bodies if not self._has(b))

    def run(self, *, edits: int, chooser: random.Random) -> Outcome:
        """Write the estate, compare it, edit it, compare it again, and take it away."""
        written = self._write()
        time.sleep(_SETTLING_S)
        snapshot = self._read()
        live = {d.resource.uid: d for d in snapshot.documents}
        declared = [d for d in written if d.resource.uid in live]
        self.outcome.objects.update(d.resource.kind for d in declared)
        self.outcome.left_out.update(d.resource.kind for d in written if d.resource.uid not in live)
        self.outcome.alarms += [_told(f) for f in self._compared(declared, snapshot).findings]
        done = dict(self._edited(declared, live, edits, chooser))
        self.outcome.edits = len(done)
        self._judge(done, self._compared(declared, self._read()).findings, declared)
        self._remove()
        return self.outcome

    def _has(self, body: Object) -> bool:
        """Whether the server has this kind, in whatever version."""
        return (split_api_version(body["apiVersion"])[0], body["kind"]) in self._served

    def _moved(self, body: Object) -> Object:
        """The object in a namespace of this trial: each estate is written several times."""
        metadata = body["metadata"]
        if body["kind"] == "Namespace":
            return {**body, "metadata": {**metadata, "name": self._space(metadata["name"])}}
        if metadata.get("namespace"):
            return {**body, "metadata": {**metadata, "namespace": self._space(metadata["namespace"])}}
        return body

    def _space(self, name: str) -> str:
        return f"{name[:40]}-{zlib.crc32(f'{self._namespace}/{name}'.encode()) % 10**8}"

    def _write(self) -> list[Document]:
        declared = {b["metadata"]["name"] for b in self._bodies if b["kind"] == "Namespace"}
        spaces = {self._namespace, *(b["metadata"].get("namespace") or self._namespace for b in self._bodies)}
        missing = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(spaces - declared)
        ]
        self._kubectl.run("create", "-f", "-", objects=missing)
        for kind in _FIRST:
            self._send([b for b in self._bodies if b["kind"] == kind])
        time.sleep(_SETTLING_S)
        self._send([b for b in self._bodies if b["kind"] not in (*_FIRST, "CustomResourceDefinition")])
        return [self._document(b) for b in self._bodies]

    def _send(self, bodies: Sequence[Object]) -> None:
        spaced = [self._as_served(self._placed(b)) for b in bodies]
        for command in WAYS[self._way] if spaced else ():
            answer = self._kubectl.run(*command, "--validate=false", "-f", "-", objects=spaced)
            if answer.returncode != 0:
                told = [line for line in answer.stderr.splitlines() if not line.startswith("Warning")]
                self.outcome.refused += [f"kubectl {command[0]}: {line[:300]}" for line in told]

    def _placed(self, body: Object) -> Object:
        """The object with the namespace that `kubectl --namespace` would give it."""
        if self._document(body).resource.namespace is None:
            return body
        return {**body, "metadata": {"namespace": self._namespace, **body["metadata"]}}

    def _as_served(self, body: Object) -> Object:
        """The object in a version that the server has; the declaration keeps its own."""
        group, _ = split_api_version(body["apiVersion"])
        versions = self._served[group, body["kind"]]
        return body if body["apiVersion"] in versions else {**body, "apiVersion": max(versions)}

    def _document(self, body: Object) -> Document:
        return parse(body, cluster=_CLUSTER, default_namespace=self._namespace, salt=_SALT)

    def _read(self) -> Snapshot:
        api = KubernetesApi("cluster", kubeconfig=self._kubectl.kubeconfig, cluster=_CLUSTER, salt=_SALT)
        return api.read()

    def _compared(self, declared: Sequence[Document], snapshot: Snapshot) -> DriftReport:
        return compare(intended=declared, applied=None, actual=snapshot.documents, unreadable=snapshot.unreadable)

    def _edited(
        self, declared: Sequence[Document], live: dict[str, Document], count: int, chooser: random.Random
    ) -> Iterator[tuple[str, Mutation]]:
        """Edit as many objects as wanted, with changes that the server takes as they are."""
        offers = [d for d in declared if d.resource.kind not in ("Namespace", "Secret")]
        chooser.shuffle(offers)
        done = 0
        for document in offers:
            if done == count:
                return
            mutation = mutate(document.body, _raw(live[document.resource.uid]), chooser)
            if mutation is None:
                continue
            answer = self._kubectl.run("replace", "--field-manager=kubectl-edit", "-f", "-", objects=[mutation.body])
            if answer.returncode == 0:
                done += 1
                yield document.resource.uid, mutation

    def _judge(self, done: dict[str, Mutation], findings: Sequence[Finding], declared: Sequence[Document]) -> None:
        bodies = {d.resource.uid: d.body for d in declared}
        for uid, mutation in done.items():
            mine = [f for f in findings if f.resource.uid == uid]
            if len(mine) == 1 and is_found(mutation, mine[0].path, bodies[uid]):
                self.outcome.exact += 1
            else:
                told = ", ".join(map(_told, mine)) or "nothing"
                self.outcome.wrong.append(f"{uid}: {mutation.what} {mutation.path}: found {told}")
        self.outcome.wrong += [f"not edited: {_told(f)}" for f in findings if f.resource.uid not in done]

    def _remove(self) -> None:
        """Take away what the next trial would find: objects outside of namespaces, and what holds on to them."""
        bodies = [self._as_served(self._placed(b)) for b in self._bodies if b["kind"] != "Namespace"]
        self._kubectl.run("delete", "--ignore-not-found", "--timeout=60s", "-f", "-", objects=bodies)


def adapted(body: Object, minor: int) -> Object:
    """The object as somebody would declare it for a server of this minor version, where a newer one takes more.

    Probes over gRPC exist since 1.24, and an apply on the server's side needs the protocol of a port before 1.21
    (https://github.com/kubernetes/kubernetes/issues/92332).
    """

    def each(value: Any, field: str) -> Any:
        if isinstance(value, dict):
            copied = {k: each(v, k) for k, v in value.items()}
            if minor < 24 and field.endswith("Probe") and "grpc" in copied:
                copied["tcpSocket"] = {"port": copied.pop("grpc")["port"]}
            return copied
        if isinstance(value, list):
            entries = [each(v, "") for v in value]
            if minor < 21 and field == "ports" and all("port" in e or "containerPort" in e for e in entries):
                return [{"protocol": "TCP", **e} for e in entries]
            return entries
        return value

    return {**body, "spec": each(body["spec"], "spec")} if isinstance(body.get("spec"), dict) else body


def _raw(document: Document) -> Object:
    """The live object as it is sent back: without what only a server writes."""
    body = copy.deepcopy(document.body)
    for name in ("managedFields", "selfLink"):
        body["metadata"].pop(name, None)
    return body


def _told(finding: Finding) -> str:
    values = f"{finding.intended!r} -> {finding.actual!r}"
    return f"{finding.resource.display} {finding.verdict.value} {finding.path} ({finding.manager}) {values[:200]}"


_HEAD = f"{'estate':44} {'way':18} {'objects':>7} {'left out':>8} {'alarms':>6} {'edits':>5} {'exact':>5}"
_MOST_TOLD = 40


def _lines(outcome: Outcome) -> list[str]:
    """A line of the table, and what went wrong."""
    o = outcome
    counts = f"{o.objects.total():7} {o.left_out.total():8} {len(o.alarms):6} {o.edits:5} {o.exact:5}"
    told = (*o.refused, *o.alarms[:_MOST_TOLD], *o.wrong[:_MOST_TOLD])
    return [f"{o.estate:44} {o.way:18} {counts}", *(f"  {line}" for line in told)]


def report(outcomes: Sequence[Outcome]) -> list[str]:
    """Lines of the table, and what it covers."""
    kinds = sum((o.objects for o in outcomes), Counter[str]())
    missing = sum((o.left_out for o in outcomes), Counter[str]())
    return [
        _HEAD,
        *(_lines(o)[0] for o in outcomes),
        "kinds: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
        "left out: " + (", ".join(f"{kind} {count}" for kind, count in missing.most_common()) or "nothing"),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the table and what went wrong; 1 when anything did."""
    parser = argparse.ArgumentParser(prog="python -m evals.untouched", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, help="of a server that may be written to")
    parser.add_argument("--apiserver", type=Path, help="program kube-apiserver, to start one")
    parser.add_argument("--etcd", type=Path, help="program etcd, beside --apiserver")
    parser.add_argument("--controllers", type=Path, help="program kube-controller-manager, beside --apiserver")
    parser.add_argument("--manifests", type=Path, help="folder of manifests; without it the public estates")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PLUMBLINE_SHARED", "../shared")) / "data")
    parser.add_argument("--edits", type=int, default=10, help="edits in each estate and way")
    parser.add_argument("--objects", type=int, default=250, help="most objects of one estate")
    parser.add_argument(
        "--forget", type=float, default=0.0, help="share of the fields with defaults that the product shall not know"
    )
    parser.add_argument("--only", help="part of the names of the estates to try")
    options = parser.parse_args(arguments)
    if options.kubeconfig is None and not (options.apiserver and options.etcd):
        parser.error("give --kubeconfig, or --apiserver and --etcd")
    server = (
        nullcontext(Kubectl(options.kubeconfig))
        if options.kubeconfig
        else started(options.apiserver, options.etcd, options.controllers)
    )
    chosen = manifests(options.manifests) if options.manifests else {**every_kind(), **estates(options.data)}
    outcomes = []
    with server as kubectl, forgotten(options.forget, random.Random("forget")) as count:  # noqa: S311
        print(f"{count} fields with defaults are not known")
        for name, bodies in chosen.items():
            if options.only and options.only not in name:
                continue
            for way in WAYS:
                trial = Trial(kubectl, name, bodies[: options.objects], way)
                outcomes.append(trial.run(edits=options.edits, chooser=random.Random(f"{name} {way}")))  # noqa: S311
                print("\n".join(_lines(outcomes[-1])), flush=True)
    print("\n".join(report(outcomes)))
    return 1 if any(o.alarms or o.wrong for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
