"""Relations along which messages and requests leave a managed service of AWS: topics, event rules, APIs, distributions.

Read from the attributes of either facet. The direction of all is that of what flows; whoever leads something on suffers
when what it leads to is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from graph.document import Object, pointer
from graph.kinds.lenient import entries, strings, text
from graph.kinds.terraform.lookup import Lookup, values_of
from graph.relation import Relation, RelationType
from graph.version import Document

_FUNCTION: Final = re.compile(r"(arn:[\w-]+:lambda:[\w-]*:\d*:function:[\w-]+)")
_BUCKET_HOST: Final = re.compile(r"(.+?)\.s3(?:-website)?(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")
_API_HOST: Final = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")


def message_relations(lookup: Lookup) -> Iterator[Relation]:
    """Yield ROUTES_TO from what takes messages or requests to where it leads them, and from clusters to members."""
    for document in lookup.documents:
        if stated := _KINDS.get(document.resource.kind):
            yield from stated(document, values_of(document), lookup)


def _routes(sources: list[str], targets: list[str], document: Document, *way: str | int) -> Iterator[Relation]:
    via = pointer("values", *way)
    for source in sources:
        # What stands between two resources is named, as it is the one that states the relation.
        spelled = via if source == document.resource.uid else f"{text(document.body, 'address')} {via}"
        for target in targets:
            if source != target:
                yield Relation(source=source, target=target, type=RelationType.ROUTES_TO, via=spelled)


def reached(lookup: Lookup, name: str) -> list[str]:
    """Return the uids of what an ARN, an address of an API or a host name leads to."""
    if not name:
        return []
    if function := _FUNCTION.search(name):
        return lookup.named(function[1])
    if name.startswith("arn:"):
        return lookup.named(name)
    host = name.partition("://")[2].partition("/")[0].partition(":")[0] or name
    for pattern in (_API_HOST, _BUCKET_HOST):
        if found := pattern.fullmatch(host):
            return lookup.named(host) or lookup.named(found[1])
    return lookup.named(host)


def _subscription(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    topics = lookup.named(text(values, "topic_arn"), "aws_sns_topic")
    yield from _routes(topics, reached(lookup, text(values, "endpoint")), document, "endpoint")


def _event_target(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    bus = text(values, "event_bus_name") or "default"
    rules = [
        uid
        for rule in lookup.of("aws_cloudwatch_event_rule")
        if text(values_of(rule), "name") == text(values, "rule")
        and (text(values_of(rule), "event_bus_name") or "default") == bus
        for uid in [rule.resource.uid]
    ]
    yield from _routes(list(dict.fromkeys(rules)), reached(lookup, text(values, "arn")), document, "arn")


def _rest_integration(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    apis = lookup.named(text(values, "rest_api_id"), "aws_api_gateway_rest_api")
    yield from _routes(apis, reached(lookup, text(values, "uri")), document, "uri")


def _http_integration(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    apis = lookup.named(text(values, "api_id"), "aws_apigatewayv2_api")
    uri = text(values, "integration_uri")
    found = reached(lookup, uri)
    listeners = [d for d in lookup.of("aws_lb_listener", "aws_alb_listener") if text(values_of(d), "arn") == uri]
    balancers = [uid for d in listeners for uid in lookup.named(text(values_of(d), "load_balancer_arn"))]
    yield from _routes(apis, list(dict.fromkeys([*found, *balancers])), document, "integration_uri")


def _distribution(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    for index, origin in entries(values, "origin"):
        targets = reached(lookup, text(origin, "domain_name"))
        yield from _routes([document.resource.uid], targets, document, "origin", index, "domain_name")


def _member(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    cluster = text(values, "cluster_identifier")
    clusters = lookup.named(cluster, "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster")
    yield from _routes(clusters, [document.resource.uid], document, "cluster_identifier")


def _cache(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    groups = lookup.named(text(values, "replication_group_id"), "aws_elasticache_replication_group")
    yield from _routes(groups, [document.resource.uid], document, "replication_group_id")


def _alarm(document: Document, values: Object, lookup: Lookup) -> Iterator[Relation]:
    for index, name in enumerate(strings(values.get("alarm_actions"))):
        yield from _routes([document.resource.uid], lookup.named(name), document, "alarm_actions", index)


_KINDS: Final[dict[str, Callable[[Document, Object, Lookup], Iterator[Relation]]]] = {
    "aws_sns_topic_subscription": _subscription,
    "aws_cloudwatch_event_target": _event_target,
    "aws_api_gateway_integration": _rest_integration,
    "aws_apigatewayv2_integration": _http_integration,
    "aws_cloudfront_distribution": _distribution,
    "aws_rds_cluster_instance": _member,
    "aws_docdb_cluster_instance": _member,
    "aws_neptune_cluster_instance": _member,
    "aws_elasticache_cluster": _cache,
    "aws_cloudwatch_metric_alarm": _alarm,
}
