"""Relations along which requests and messages flow in AWS: names, balancers, targets, queues, functions.

Read from the attributes of either facet; what is declared apart, such as an attachment, connects the two it stands
between.
"""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import pointer
from graph.kinds.lenient import entries, strings, text
from graph.kinds.terraform.lookup import Lookup, values_of
from graph.relation import Relation, RelationType
from graph.version import Document

_LISTENERS = ("aws_lb_listener", "aws_alb_listener")
_RULES = ("aws_lb_listener_rule", "aws_alb_listener_rule")
_GROUPS = ("aws_lb_target_group", "aws_alb_target_group")
_BALANCERS = ("aws_lb", "aws_alb", "aws_elb")
_ATTACHMENTS = ("aws_lb_target_group_attachment", "aws_alb_target_group_attachment")


def traffic_relations(lookup: Lookup) -> Iterator[Relation]:
    """Yield ROUTES_TO from names, balancers and target groups, and CONNECTS_TO from functions to their sources."""
    for document in lookup.documents:
        kind = document.resource.kind
        if kind in _LISTENERS:
            yield from _listener(document, text(values_of(document), "load_balancer_arn"), "default_action", lookup)
        elif kind in _RULES:
            for listener in lookup.of(*_LISTENERS):
                if text(values_of(listener), "arn") == text(values_of(document), "listener_arn"):
                    balancer = text(values_of(listener), "load_balancer_arn")
                    yield from _listener(document, balancer, "action", lookup)
        elif kind in _ATTACHMENTS:
            yield from _between(document, "target_group_arn", "target_id", lookup)
        elif kind == "aws_autoscaling_group":
            for arn in strings(values_of(document).get("target_group_arns")):
                yield from _routed(document, arn, document.resource.uid, lookup)
        elif kind == "aws_ecs_service":
            yield from _service(document, lookup)
        elif kind == "aws_lambda_event_source_mapping":
            yield from _fed(document, lookup)
        elif kind == "aws_route53_record":
            yield from _record(document, lookup)


def _listener(document: Document, balancer: str, attribute: str, lookup: Lookup) -> Iterator[Relation]:
    """A balancer routes to each group that an action of its listener names."""
    for index, action in entries(values_of(document), attribute):
        arns = [text(action, "target_group_arn")]
        for _, forward in entries(action, "forward"):
            arns += [text(group, "arn") for _, group in entries(forward, "target_group")]
        for source in lookup.named(balancer, *_BALANCERS):
            for group in (uid for arn in arns if arn for uid in lookup.named(arn, *_GROUPS)):
                via = f"{text(document.body, 'address')} {pointer('values', attribute, index)}"
                yield Relation(source=source, target=group, type=RelationType.ROUTES_TO, via=via)


def _between(document: Document, group: str, target: str, lookup: Lookup) -> Iterator[Relation]:
    values = values_of(document)
    for uid in lookup.named(text(values, target)):
        yield from _routed(document, text(values, group), uid, lookup)


def _routed(document: Document, group: str, target: str, lookup: Lookup) -> Iterator[Relation]:
    for source in lookup.named(group, *_GROUPS):
        via = text(document.body, "address")
        yield Relation(source=source, target=target, type=RelationType.ROUTES_TO, via=via)


def _service(document: Document, lookup: Lookup) -> Iterator[Relation]:
    """A group routes to the service that registers with it; the service runs what its task definition says."""
    values, uid = values_of(document), document.resource.uid
    for _, balancer in entries(values, "load_balancer"):
        yield from _routed(document, text(balancer, "target_group_arn"), uid, lookup)
    wanted = text(values, "task_definition").rpartition("/")[2]
    for task in lookup.of("aws_ecs_task_definition"):
        body = values_of(task)
        if wanted and wanted in (f"{body.get('family')}:{body.get('revision')}", body.get("family")):
            via = "/values/task_definition"
            yield Relation(source=uid, target=task.resource.uid, type=RelationType.REFERENCES, via=via)


def _fed(document: Document, lookup: Lookup) -> Iterator[Relation]:
    """A function gets its work from the queue, stream or table of a mapping."""
    values = values_of(document)
    name = text(values, "function_arn") or text(values, "function_name")
    for function in lookup.named(name, "aws_lambda_function"):
        for source in lookup.named(text(values, "event_source_arn")):
            via = f"{text(document.body, 'address')} /values/event_source_arn"
            yield Relation(source=function, target=source, type=RelationType.CONNECTS_TO, via=via)


def _record(document: Document, lookup: Lookup) -> Iterator[Relation]:
    """A name leads to the balancer or the distribution that it is an alias of, or whose name it holds."""
    values = values_of(document)
    names = [text(alias, "name").removeprefix("dualstack.") for _, alias in entries(values, "alias")]
    for name in (*names, *strings(values.get("records"))):
        for uid in lookup.named(name.rstrip(".")) if len(name) > 3 else ():
            if uid != document.resource.uid:
                yield Relation(source=document.resource.uid, target=uid, type=RelationType.ROUTES_TO, via="/values")
