"""Which Services and cloud resources the settings of a workload name: the static part of the call graph.

Only existing names are matched, and only where the text around a name says that it is an address: a port, a URL, a
cluster DNS name, or a variable, flag or key that is named like one. A system that finds its peers at run time (a
registry, a service mesh) shows nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from graph.kinds.addresses import STATED, Place, Setting, hosts, mentions
from graph.kinds.kubernetes.inventory import Inventory, cluster_of
from graph.kinds.kubernetes.selectors import equals_all
from graph.kinds.kubernetes.settings import settings
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping
from graph.relation import Relation, RelationType
from graph.version import Document


class Services(NamedTuple):
    """The Services of one cluster."""

    named: Mapping[tuple[str, str], Document]
    """by (namespace, name)"""
    names: frozenset[str]
    """of all namespaces"""


_NO_SERVICES = Services({}, frozenset())


def calls(
    workload: Workload, inventory: Inventory, aliases: Mapping[str, str], services_of: Mapping[str, Services]
) -> Iterator[Relation]:
    """Yield CALLS to Services and CONNECTS_TO to cloud resources.

    Args:
        workload: whose settings are read.
        inventory: all documents; only its Services can be called.
        aliases: ARN, endpoint, URL, id or name of a cloud resource to its uid.
        services_of: from `services_by_name`.
    """
    services = services_of.get(cluster_of(workload.document), _NO_SERVICES)
    all_settings = list(settings(workload, inventory))
    values = {s.name: s.value for s in all_settings if s.place is Place.VARIABLE}
    for setting in all_settings:
        for mention in mentions(setting, services.names):
            service = _resolve(mention.host, workload, services.named)
            if service is None or _is_own(service, workload):
                continue
            ports = {str(p.get("port")) for _, p in entries(service.body, "spec", "ports")}
            if setting.place is Place.FILE and mention.port not in ports and mention.confidence < STATED:
                continue
            port = mention.port or _port_beside(setting, values) or (next(iter(ports)) if len(ports) == 1 else "")
            yield _relation(workload, setting, RelationType.CALLS, service.resource.uid, port, mention.confidence)
        for alias, uid in cloud_names(setting, aliases):
            yield _relation(workload, setting, RelationType.CONNECTS_TO, uid, alias, STATED)


def _relation(
    workload: Workload, setting: Setting, kind: RelationType, target: str, detail: str, confidence: float
) -> Relation:
    return Relation(
        source=workload.uid, target=target, type=kind, via=setting.path, detail=detail, confidence=confidence
    )


def services_by_name(inventory: Inventory) -> dict[str, Services]:
    """Collect the Services of each cluster."""
    found: dict[str, dict[tuple[str, str], Document]] = {}
    for document in inventory.of("Service"):
        name = (document.resource.namespace or "", document.resource.name)
        found.setdefault(cluster_of(document), {})[name] = document
    return {cluster: Services(named, frozenset(name for _, name in named)) for cluster, named in found.items()}


def _port_beside(setting: Setting, values: Mapping[str, str]) -> str:
    """Return the value of `X_PORT` for a variable `X_HOST`, or an empty text."""
    stem, separator, _ = setting.name.rpartition("_")
    port = values.get(f"{stem}_PORT", "") if separator and setting.place is Place.VARIABLE else ""
    return port if port.isdigit() else ""


def _resolve(host: str, workload: Workload, services: Mapping[tuple[str, str], Document]) -> Document | None:
    """Find the Service of `name`, `name.ns`, `name.ns.svc` or `name.ns.svc.DOMAIN`; pods of a headless one too."""
    parts = host.split(".")
    if len(parts) == 1:
        return services.get((workload.namespace or "", parts[0]))
    if len(parts) == 2:
        return services.get((parts[1], parts[0])) or _headless(services.get((workload.namespace or "", parts[1])))
    if parts[2] == "svc":
        return services.get((parts[1], parts[0]))
    if len(parts) >= 4 and parts[3] == "svc":
        return _headless(services.get((parts[2], parts[1])))
    return None


def namespaces_named(workload: Workload, inventory: Inventory) -> Iterator[str]:
    """Yield the namespaces in which `calls` may look for Services beside the workload's own; more than there are."""
    for setting in settings(workload, inventory):
        for host in hosts(setting):
            parts = host.split(".")
            if len(parts) == 2 or parts[2:3] == ["svc"]:
                yield parts[1]
            elif parts[3:4] == ["svc"]:
                yield parts[2]


def _headless(service: Document | None) -> Document | None:
    """Return a Service whose pods have DNS names of their own."""
    return service if service and mapping(service.body, "spec").get("clusterIP") == "None" else None


def _is_own(service: Document, workload: Workload) -> bool:
    same = service.resource.namespace == workload.namespace
    return same and equals_all(mapping(service.body, "spec").get("selector"), workload.labels)


_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/\-+=@%]*")
_SAYS_CLOUD = re.compile(
    r"bucket|queue|table|topic|stream|secret|param|function|database|db_?name|log_?group|s3|sqs|sns|dynamo|kms|key",
    re.IGNORECASE,
)


_BUCKET_URLS = ("s3://", "s3a://", "gs://")
"""URLs whose host is the bare name of a bucket."""


def cloud_names(setting: Setting, aliases: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (alias, uid) of each cloud resource that a value names.

    An ARN, a URL or a host name counts anywhere in the value; a bare name (a bucket, a table) only as the whole value
    of a variable that is named like one.
    """
    if not aliases:
        return
    whole = setting.value.strip()
    seen: set[str] = set()
    if whole in aliases and (is_distinct(whole) or _SAYS_CLOUD.search(setting.name)):
        seen.add(aliases[whole])
        yield whole, aliases[whole]
    for token in _TOKEN.findall(setting.value):
        for spelling in _spellings(token):
            uid = aliases.get(spelling)
            if uid and uid not in seen and (is_distinct(spelling) or token.startswith(_BUCKET_URLS)):
                seen.add(uid)
                yield spelling, uid


def is_distinct(alias: str) -> bool:
    """Whether an alias can hardly stand in a text for anything else: an ARN, a URL, a host name, a key id."""
    return (
        ":" in alias
        or alias.startswith("alias/")
        or alias.count(".") >= 2
        or bool(re.fullmatch(r"[0-9a-f-]{36}", alias))
    )


def _spellings(token: str) -> Iterator[str]:
    """Yield the shapes under which a token of a value may be known as an alias, most exact first."""
    token = token.rstrip(".:/")
    yield token
    if token.startswith("arn:"):
        # Below a bucket, a table's index, a log group's stream: the resource itself is known by a prefix.
        yield token.partition("/")[0]
        yield token.removesuffix(":*")
        return
    _, separator, rest = token.partition("://")
    rest = rest if separator else token
    host_port = rest.rpartition("@")[2].partition("/")[0]
    yield host_port
    yield host_port.partition(":")[0]
    yield rest.rpartition("=")[2]
    yield rest.rpartition("=")[2].partition(":")[0]
