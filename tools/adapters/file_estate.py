"""Reads a file-backed estate: the actual state of its cluster and cloud, and what its systems say of themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from graph.document import Object
from graph.errors import Invalid, Unexpected, Unreachable
from graph.evidence import Gap, ObservationKind, SymptomEvent
from graph.kinds.kubernetes.parse import parse
from graph.kinds.terraform.document import document as cloud_document
from graph.resource import Facet, Platform, Resource, kubernetes_uid, terraform_uid
from graph.version import Document, Snapshot, Unreadable
from tools.adapters.estate_files import CLUSTER_FOLDER, EstateFiles, NoDocument, lines

_WORKLOADS = {"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "CronJob": "batch", "Job": "batch"}
_GROUPS = _WORKLOADS | {
    "ReplicaSet": "apps",
    "HorizontalPodAutoscaler": "autoscaling",
    "PodDisruptionBudget": "policy",
    "NetworkPolicy": "networking.k8s.io",
    "Ingress": "networking.k8s.io",
}
_REASON = re.compile(r"\b([A-Z][A-Za-z]*(?:Exception|Error|Denied|Failure))\b")
_API_VERSION = re.compile(r"^apiVersion:[ \t]*[\"']?([A-Za-z0-9./-]+)", re.MULTILINE)
_LEVEL = re.compile(r"\blevel=(\w+)")


class FileEstate:
    """A `StateSource` of actual state and a `SymptomSource` over an estate directory. Never writes."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        cluster: str,
        stack: str,
        salt: bytes,
        clock: Callable[[], datetime],
    ) -> None:
        """Describe where to read.

        Args:
            name: name of the source within its environment.
            path: directory of the estate.
            cluster: name of its cluster in uids.
            stack: name of its cloud stack in uids.
            salt: key under which values of Secrets are hashed.
            clock: gives the present, UTC.
        """
        self.name = name
        self._files = EstateFiles(path)
        self._cluster = cluster
        self._stack = stack
        self._salt = salt
        self._clock = clock
        self._taken: dict[Path, tuple[Object, Document]] = {}

    @property
    def facet(self) -> Facet:
        """Always actual state."""
        return Facet.ACTUAL

    def read(self) -> Snapshot:
        """Read all live objects and cloud resources.

        Raises:
            Unreachable: there is no such directory.
        """
        self._check()
        taken_at = self._clock()
        taken: dict[Path, tuple[Object, Document]] = {}
        unreadable: list[Unreadable] = []
        for file, body in self._files.objects():
            # Events are symptoms, not state.
            if file.parent.name == "Event":
                continue
            self._take(file, body, self._object, taken, unreadable)
        for file, body in self._files.cloud():
            self._take(file, body, self._cloud, taken, unreadable)
        self._taken = taken
        documents = [document for _, document in taken.values()]
        known = {d.resource.uid: d.resource for d in documents}
        unreadable += [
            Unreadable(where=gap.what, reason=gap.why, resource=known.get(gap.resource), is_read=True)
            for gap in self.gaps()
        ]
        return Snapshot(
            facet=Facet.ACTUAL,
            source=self.name,
            taken_at=taken_at,
            documents=tuple(documents),
            unreadable=tuple(unreadable),
            complete=all(u.is_bounded for u in unreadable),
        )

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        """Read Events, log lines and metric readings after `since`, oldest first.

        Raises:
            Unreachable: there is no such directory.
        """
        self._check()
        found = [*self._events(), *self._logs(), *self._metrics()]
        recent = [event for event in found if event.at is not None and event.at > since]
        return sorted(recent, key=lambda event: (event.at or since, event.resource, event.text))

    def gaps(self) -> tuple[Gap, ...]:
        """Return which evidence can't be read just now, and why.

        Raises:
            Unexpected: the list of outages can't be parsed.
        """
        try:
            outages = self._files.one(self._files.root / "outages.yaml") or {}
        except ValueError as error:
            raise Unexpected(f"{self.name}: outages.yaml can't be read: {error}") from error
        return tuple(
            Gap(what=f"{item['what']} of {item['resource']}", why=item["why"], resource=self._uid_of(item["resource"]))
            for item in outages.get("outages", [])
        )

    def _check(self) -> None:
        if not (self._files.root / "kubernetes").is_dir():
            raise Unreachable(f"{self.name}: no estate at {self._files.root}; build it with `plumbline up --demo`")

    def _take(
        self,
        file: Path,
        body: Object | ValueError,
        read: Callable[[Object], Document],
        taken: dict[Path, tuple[Object, Document]],
        unreadable: list[Unreadable],
    ) -> None:
        where = str(file.relative_to(self._files.root))
        if isinstance(body, ValueError):
            line = body.line if isinstance(body, NoDocument) else None
            unreadable.append(Unreadable(where=where, reason=str(body), line=line, resource=self._named(file)))
            return
        known = self._taken.get(file)
        try:
            # A file that did not change gives the very same object as before.
            taken[file] = known if known and known[0] is body else (body, read(body))
        except Invalid as error:
            resource = self._named(file)
            unreadable.append(Unreadable(where=where, reason=error.reason, line=error.line, resource=resource))

    def _named(self, file: Path) -> Resource | None:
        """Return the resource of a file that can't be read, as far as its place in the directory tells."""
        if file.suffix == ".json":
            address = file.stem
            kind, name = ([*address.rsplit(".", 2)[-2:], ""])[:2]
            uid = terraform_uid(stack=self._stack, address=address)
            return Resource(uid=uid, platform=Platform.TERRAFORM, kind=kind, name=name)
        kind = file.parent.name
        namespace = file.parent.parent.name
        try:
            said = _API_VERSION.search(file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return None
        group = said[1].rpartition("/")[0] if said else _GROUPS.get(kind, "")
        return Resource(
            uid=kubernetes_uid(
                cluster=self._cluster,
                group=group,
                kind=kind,
                namespace=None if namespace == CLUSTER_FOLDER else namespace,
                name=file.stem,
            ),
            platform=Platform.KUBERNETES,
            kind=kind,
            name=file.stem,
            namespace=None if namespace == CLUSTER_FOLDER else namespace,
            group=group,
        )

    def _object(self, body: Object) -> Document:
        return parse(body, cluster=self._cluster, salt=self._salt)

    def _cloud(self, body: Object) -> Document:
        missing = [name for name in ("type", "name", "address", "values") if name not in body]
        if missing:
            raise Invalid(f"a cloud resource needs {', '.join(missing)}")
        return cloud_document(
            stack=self._stack,
            type=body["type"],
            name=body["name"],
            address=body["address"],
            values=body["values"],
            salt=self._salt,
            provider=body.get("provider", ""),
        )

    def _events(self) -> Iterator[SymptomEvent]:
        for file, body in self._files.objects():
            if file.parent.name != "Event" or isinstance(body, ValueError):
                continue
            about: Object = body["involvedObject"]
            yield SymptomEvent(
                kind=ObservationKind.EVENT,
                resource=self._uid(about.get("apiVersion", "v1"), about["kind"], about.get("namespace"), about["name"]),
                at=_time(body["lastTimestamp"]),
                text=body["message"],
                reason=body["reason"],
                count=body.get("count", 1),
                source=self.name,
            )

    def _logs(self) -> Iterator[SymptomEvent]:
        dark = {gap.resource for gap in self.gaps() if gap.what.startswith("logs ")}
        for file in sorted((self._files.root / "logs").glob("*/*.jsonl")):
            resource = self._workload(file.parent.name, file.stem)
            if resource in dark:
                continue
            for line in lines(file):
                text = line["text"]
                found = _REASON.search(text) or _LEVEL.search(text)
                yield SymptomEvent(
                    kind=ObservationKind.LOG,
                    resource=resource,
                    at=_time(line["time"]),
                    text=text,
                    reason=found[1] if found else "",
                    source=self.name,
                )

    def _metrics(self) -> Iterator[SymptomEvent]:
        for line in lines(self._files.root / "metrics.jsonl"):
            objective = line.get("objective")
            goal = f" (objective: at most {objective} {line['unit']})" if objective is not None else ""
            yield SymptomEvent(
                kind=ObservationKind.METRIC,
                resource=self._uid_of(line["resource"]),
                at=_time(line["time"]),
                text=f"{line['metric']} is {line['value']} {line['unit']}{goal}",
                reason=line["metric"],
                value=float(line["value"]),
                unit=line["unit"],
                source=self.name,
            )

    def _workload(self, namespace: str, name: str) -> str:
        root = self._files.root / "kubernetes" / namespace
        kind = next((k for k in _WORKLOADS if (root / k / f"{name}.yaml").exists()), "Deployment")
        return self._uid_of(f"{namespace}/{kind}/{name}")

    def _uid_of(self, place: str) -> str:
        """Uid of `NAMESPACE/KIND/NAME`; what is no such place is a uid already."""
        parts = place.split("/")
        if len(parts) != 3:
            return place
        namespace, kind, name = parts
        return self._uid(f"{_GROUPS[kind]}/v1" if kind in _GROUPS else "v1", kind, namespace, name)

    def _uid(self, version: str, kind: str, namespace: str | None, name: str) -> str:
        group = version.rpartition("/")[0]
        return kubernetes_uid(cluster=self._cluster, group=group, kind=kind, namespace=namespace, name=name)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
