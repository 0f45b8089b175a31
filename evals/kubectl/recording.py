"""A recording of what a cluster's tools printed, as the documents, events and measures that the product reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

import yaml

from evals.kubectl.configuration import settings
from evals.kubectl.events import events, listed_events
from evals.kubectl.listed import listed
from evals.kubectl.logs import lines
from evals.kubectl.objects import CLUSTER_SCOPED, described
from evals.kubectl.outline import Line, outline
from graph.diagnosis.mechanisms.nodes import UNIT_STOPPED
from graph.document import Object
from graph.errors import Invalid
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.parse import parse
from graph.resource import kubernetes_uid
from graph.telemetry import Call, Check
from graph.version import Document

CLUSTER = "cluster"
_SALT = b"recordings hold no secret that has to be kept"
_TRIED = re.compile(r"deployed on (?P<node>[\w.-]+):\s*(?P<said>.*?)Connection (?P<how>Succeeded|Failed)", re.DOTALL)
_ENDED = re.compile(r"Connection (Succeeded|Failed)")
_UNIT = re.compile(r"Active: (?P<state>\w+)(?: \((?P<sub>[^)]*)\))?")
_TREE = re.compile(r"^(?P<depth>[│ ]*)[├└]── (?P<name>\S+)")


class Recording:
    """Printed answers by question, `Tool:{arguments as JSON}`."""

    def __init__(self, answers: Mapping[str, Any], namespace: str) -> None:
        """Args:
        answers: what each tool printed.
        namespace: the one that is asked about.
        """
        self._namespace = namespace
        self._answers: dict[str, list[tuple[dict[str, str], Any]]] = {}
        for key, value in answers.items():
            tool, _, arguments = key.partition(":")
            self._answers.setdefault(tool, []).append((json.loads(arguments) if arguments else {}, value))
        self.now = _instant(answers.get("collection_timestamp"), _zone(answers.values()))

    def live(self) -> list[Document]:
        """The objects that existed, by what tells most of them: YAML, describe with the manifest, a table."""
        manifests = {d.resource.uid: d.body for d in self.declared()}
        found: dict[str, Document] = {}
        for printed in self._printed():
            found.setdefault(printed.resource.uid, printed)
        for plural, text in self._texts():
            _, document = _seen(plural, text, self._namespace)
            if document is not None and document.resource.uid not in found:
                whole = _completed(manifests.get(document.resource.uid, {}), document.body)
                found[document.resource.uid] = Document(resource=document.resource, body=whole)
        for body in self._listed():
            if (document := _document(body, self._namespace)) is not None and document.resource.uid not in found:
                whole = _completed(manifests.get(document.resource.uid, {}), document.body)
                found[document.resource.uid] = Document(resource=document.resource, body=whole)
        return list(found.values())

    def declared(self) -> list[Document]:
        """The manifests of the applications, as they were applied."""
        found: dict[str, Document] = {}
        for _, text in self._answers.get("GetAppYAML", ()):
            for document in _applied(str(text), self._namespace):
                found.setdefault(document.resource.uid, document)
        return list(found.values())

    def symptoms(self) -> Iterator[SymptomEvent]:
        """Events of objects, lines of their logs, and services of nodes that do not run."""
        told = set()
        for plural, text in self._texts():
            root, document = _seen(plural, text, self._namespace)
            if document is not None:
                told.add(document.resource.uid)
                yield from events(root, resource=document.resource.uid, now=self.now)
        for arguments, text in self._answers.get("GetResources", ()):
            if arguments.get("resource_type") == "events":
                place = arguments.get("namespace") or self._namespace
                for event in listed_events(str(text), cluster=CLUSTER, namespace=place, now=self.now):
                    if event.resource not in told:
                        yield event
        for arguments, answer in self._answers.get("GetErrorLogs", ()):
            uid = self.workload(arguments.get("service_name", ""))
            for line in lines(answer):
                kind = ObservationKind.LOG
                yield SymptomEvent(kind=kind, resource=uid, at=line.at, text=line.text, count=line.times)
        yield from self._units()

    def calls(self) -> Iterator[Call]:
        """Who calls whom, from the trees of dependencies."""
        seen = set()
        for arguments, text in self._answers.get("GetServiceDependencies", ()):
            for caller, callee in _edges(arguments.get("service_name", ""), str(text)):
                if (caller, callee) not in seen:
                    seen.add((caller, callee))
                    yield Call(caller=self.workload(caller), callee=self.workload(callee))

    def checks(self) -> Iterator[Check]:
        """Attempts to connect to Services, by the node from which they were made."""
        for arguments, text in self._answers.get("CheckServiceConnectivity", ()):
            service = kubernetes_uid(
                cluster=CLUSTER, group="", kind="Service", namespace=self._namespace, name=arguments["service_name"]
            )
            port = int(arguments["port"])
            tried = list(_TRIED.finditer(str(text)))
            for one in tried:
                node = kubernetes_uid(cluster=CLUSTER, group="", kind="Node", namespace=None, name=one["node"])
                yield Check(
                    source=node, target=service, port=port, is_open=one["how"] == "Succeeded", text=one["said"].strip()
                )
            ended = _ENDED.findall(str(text))
            if ended and not tried:
                yield Check(source="", target=service, port=port, is_open=ended[-1] == "Succeeded", text=str(text))

    def workload(self, name: str) -> str:
        """The uid of the workload with this name: a StatefulSet where one was described, else a Deployment."""
        for kind in ("StatefulSet", "DaemonSet"):
            uid = kubernetes_uid(cluster=CLUSTER, group="apps", kind=kind, namespace=self._namespace, name=name)
            if uid in self._workloads():
                return uid
        return kubernetes_uid(cluster=CLUSTER, group="apps", kind="Deployment", namespace=self._namespace, name=name)

    def _workloads(self) -> set[str]:
        if not hasattr(self, "_known"):
            plurals = {"statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}
            self._known = {
                kubernetes_uid(
                    cluster=CLUSTER,
                    group="apps",
                    kind=plurals[a["resource_type"]],
                    namespace=self._namespace,
                    name=a["name"],
                )
                for a, _ in self._answers.get("DescribeResource", ())
                if a.get("resource_type") in plurals
            }
        return self._known

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield (kind in the plural, text) of what was described."""
        for arguments, text in self._answers.get("DescribeResource", ()):
            if (plural := arguments.get("resource_type", "")) not in _SINGULAR:
                yield plural, str(text)

    def _printed(self) -> Iterator[Document]:
        """Objects that were printed whole, as YAML."""
        for arguments, text in self._answers.get("GetResources", ()):
            if arguments.get("name") and str(text).startswith("apiVersion:"):
                yield from _applied(str(text), self._namespace)

    def _listed(self) -> Iterator[Object]:
        """Objects of tables, the widest of each kind; labels stand in another one than selectors and nodes."""
        for arguments, text in self._answers.get("GetResources", ()):
            if not arguments.get("name") and arguments.get("output_wide"):
                plural = arguments.get("resource_type", "")
                place = "" if plural in CLUSTER_SCOPED else arguments.get("namespace") or self._namespace
                yield from listed(plural, str(text), namespace=place)

    def _units(self) -> Iterator[SymptomEvent]:
        for arguments, text in self._answers.get("CheckNodeServiceStatus", ()):
            found = _UNIT.search(str(text))
            if found and found["state"] != "active":
                node = kubernetes_uid(
                    cluster=CLUSTER, group="", kind="Node", namespace=None, name=arguments["node_name"]
                )
                says = f"{arguments['service_name']}.service is {found['state']} ({found['sub']})"
                yield SymptomEvent(
                    kind=ObservationKind.EVENT, resource=node, at=self.now, text=says, reason=UNIT_STOPPED
                )


_SINGULAR = frozenset({"pod", "service", "statefulset"})


_PRINTED = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")


def _zone(texts: Iterable[Any]) -> tzinfo:
    """The zone in which the recorder's tools print times."""
    for text in texts:
        if isinstance(text, str) and (found := _PRINTED.search(text)):
            return datetime.strptime(found[0], "%a, %d %b %Y %H:%M:%S %z").tzinfo or UTC
    return UTC


def _instant(value: Any, zone: tzinfo) -> datetime:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)


def _document(body: Any, namespace: str) -> Document | None:
    try:
        return parse(body, cluster=CLUSTER, default_namespace=namespace, salt=_SALT)
    except Invalid:
        return None


# The same text is asked for several times within a recording, and by every fault that is put into one: what it says is
# read once. Documents are never changed by those who hold them.
@lru_cache(maxsize=1024)
def _seen(plural: str, text: str, namespace: str) -> tuple[Line, Document | None]:
    """The outline of what was described, and the object; None for a kind that is not read."""
    root = outline(text)
    body = described(plural, root)
    if body is not None and plural == "configmaps":
        body |= {"data": settings(text)}
    return root, _document(body, namespace) if body is not None else None


@lru_cache(maxsize=512)
def _applied(text: str, namespace: str) -> tuple[Document, ...]:
    try:
        bodies = [b for b in yaml.load_all(text, Loader=yaml.CSafeLoader) if isinstance(b, dict)]
    except yaml.YAMLError:
        return ()
    return tuple(d for b in bodies if (d := _document(b, namespace)) is not None)


def _completed(manifest: Any, live: Any) -> Any:
    """What was seen alive with what its manifest says: describe leaves out much of a pod template."""
    whole = _merged(manifest, live)
    template = (manifest.get("spec") or {}).get("template") if isinstance(manifest, dict) else None
    if template:
        whole["spec"]["template"] = template
    return whole


def _merged(manifest: Any, live: Any) -> Any:
    """What was seen alive, completed by what the manifest says where nothing was seen."""
    if not isinstance(manifest, dict) or not isinstance(live, dict):
        return live if live not in (None, "", [], {}) else manifest
    keys = dict.fromkeys((*live, *manifest))
    return {key: _merged(manifest.get(key), live.get(key)) if key in live else manifest[key] for key in keys}


def _edges(root: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield (caller, callee) of a tree drawn with lines; four columns are one level."""
    way = [root]
    for line in text.splitlines():
        found = _TREE.match(line)
        if found:
            depth = len(found["depth"]) // 4 + 1
            way = way[:depth]
            yield way[-1], found["name"]
            way.append(found["name"])
