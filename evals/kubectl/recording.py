"""A recording of what a cluster's tools printed, as the documents, events and measures that the product reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from evals.kubectl.events import events
from evals.kubectl.objects import described
from evals.kubectl.outline import outline
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
_UNIT = re.compile(r"Active: (?P<state>\w+) \((?P<sub>[\w-]+)\)")
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
        self.now = _instant(answers.get("collection_timestamp"))

    def live(self) -> list[Document]:
        """The objects that existed, with what their manifests say of what describe leaves out."""
        manifests = {d.resource.uid: d.body for d in self.declared()}
        found: dict[str, Document] = {}
        for plural, body in self._described():
            document = _document(body, self._namespace)
            if document is not None and plural not in _SINGULAR:
                manifest = manifests.get(document.resource.uid, {})
                found[document.resource.uid] = Document(
                    resource=document.resource, body=_merged(manifest, document.body)
                )
        return list(found.values())

    def declared(self) -> list[Document]:
        """The manifests of the applications, as they were applied."""
        found: dict[str, Document] = {}
        for _, text in self._answers.get("GetAppYAML", ()):
            for body in _yaml(str(text)):
                document = _document(body, self._namespace)
                if document is not None:
                    found.setdefault(document.resource.uid, document)
        return list(found.values())

    def symptoms(self) -> Iterator[SymptomEvent]:
        """Events of objects, lines of their logs, and services of nodes that do not run."""
        for arguments, text in self._answers.get("DescribeResource", ()):
            root = outline(str(text))
            body = described(arguments.get("resource_type", ""), root)
            document = _document(body, self._namespace) if body else None
            if document is not None:
                yield from events(root, resource=document.resource.uid, now=self.now)
        for arguments, answer in self._answers.get("GetErrorLogs", ()):
            uid = self.workload(arguments.get("service_name", ""))
            for line, count in _lines(answer):
                yield SymptomEvent(kind=ObservationKind.LOG, resource=uid, at=None, text=line, count=count)
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

    def _described(self) -> Iterator[tuple[str, Object]]:
        for arguments, text in self._answers.get("DescribeResource", ()):
            plural = arguments.get("resource_type", "")
            body = described(plural, outline(str(text)))
            if body is not None:
                yield plural, body

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


def _instant(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)


def _document(body: Any, namespace: str) -> Document | None:
    try:
        return parse(body, cluster=CLUSTER, default_namespace=namespace, salt=_SALT)
    except Invalid:
        return None


def _yaml(text: str) -> list[Any]:
    try:
        return [b for b in yaml.load_all(text, Loader=yaml.CSafeLoader) if isinstance(b, dict)]
    except yaml.YAMLError:
        return []


def _merged(manifest: Any, live: Any) -> Any:
    """What was seen alive, completed by what the manifest says where describe says nothing."""
    if not isinstance(manifest, dict) or not isinstance(live, dict):
        return live if live not in (None, "", [], {}) else manifest
    keys = dict.fromkeys((*live, *manifest))
    return {key: _merged(manifest.get(key), live.get(key)) if key in live else manifest[key] for key in keys}


def _lines(answer: Any) -> Iterator[tuple[str, int]]:
    """Yield (line, count) of an error summary: an object, its JSON text, or lists of lines by container."""
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            yield from ((line, 1) for line in answer.splitlines() if line.strip())
            return
    if isinstance(answer, Mapping) and isinstance(answer.get("patterns"), list):
        for pattern in answer["patterns"]:
            yield str(pattern.get("sample") or pattern.get("pattern") or ""), int(pattern.get("count") or 1)
    elif isinstance(answer, Mapping):
        for value in answer.values():
            yield from _lines(value)
    elif isinstance(answer, list):
        yield from ((str(line), 1) for line in answer)


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
