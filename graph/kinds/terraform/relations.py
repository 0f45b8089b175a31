"""How Terraform resources hang together, read from their attributes, dependencies and configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from graph.document import Json, Object, pointer
from graph.kinds.lenient import leaves, strings, text
from graph.kinds.terraform.address import is_data
from graph.kinds.terraform.embedded import parsed
from graph.kinds.terraform.iam_relations import iam_relations
from graph.kinds.terraform.lookup import Lookup, values_of
from graph.kinds.terraform.message_relations import message_relations
from graph.kinds.terraform.network_relations import network_relations
from graph.kinds.terraform.traffic_relations import traffic_relations
from graph.relation import Relation, RelationType
from graph.version import Document

_KEY_ATTRIBUTE = re.compile(
    r"^(?:.*_)?kms_(?:master_)?key(?:_id|_arn|_identifier|_name)?$|^encryption_key(?:_id|_arn)?$|^kms_key_self_link$"
)
_OPAQUE_ID = re.compile(r"arn:[\w-]+:.+|[a-z]{1,12}-[0-9a-f]{8,17}")
"""Values that name a resource and nothing else: ARNs, and ids the cloud made up."""

_PARTS_OF_BUCKET = "aws_s3_bucket_"
_COMPUTE = frozenset(
    {
        "aws_lambda_function",
        "aws_ecs_task_definition",
        "aws_apprunner_service",
        "aws_codebuild_project",
        "aws_batch_job_definition",
        "aws_instance",
        "aws_launch_template",
    }
)
"""Resources that run code and are configured with names of others."""


def derive(documents: Sequence[Document]) -> list[Relation]:
    """Return the relations that the resources state, each once, in a stable order.

    Args:
        documents: resources of one stack or several; other platforms are ignored. ARNs connect across stacks.
    """
    lookup = Lookup(documents)
    return list(dict.fromkeys(_everything(lookup)))


def _everything(lookup: Lookup) -> Iterator[Relation]:
    typed: set[tuple[str, str]] = set()
    stated = (iam_relations(lookup), network_relations(lookup), traffic_relations(lookup), message_relations(lookup))
    for relation in (*chain.from_iterable(stated), *_encrypted(lookup), *_connected(lookup)):
        typed |= {(relation.source, relation.target), (relation.target, relation.source)}
        if relation.source != relation.target:
            yield relation
    for document in lookup.documents:
        yield from _referenced(document, lookup)
        yield from _named_by_id(document, lookup, typed)


def _referenced(document: Document, lookup: Lookup) -> Iterator[Relation]:
    """What the expressions of the resource name, by the plan's configuration or the state's dependencies."""
    for address in strings(document.body.get("references")):
        if not is_data(address):
            for uid in lookup.at(document, address):
                if uid != document.resource.uid:
                    yield Relation(
                        source=document.resource.uid, target=uid, type=RelationType.REFERENCES, via="/references"
                    )


def _named_by_id(document: Document, lookup: Lookup, typed: set[tuple[str, str]]) -> Iterator[Relation]:
    """What attributes name by ARN or made-up id, where no other type of relation says it already."""
    own = set(document.resource.aliases)
    for way, value in leaves(values_of(document)):
        if isinstance(value, str) and value not in own and len(way) <= 6 and _OPAQUE_ID.fullmatch(value):
            for uid in lookup.named(value):
                if uid != document.resource.uid and (document.resource.uid, uid) not in typed:
                    via = pointer("values", *way)
                    yield Relation(source=document.resource.uid, target=uid, type=RelationType.REFERENCES, via=via)


def _encrypted(lookup: Lookup) -> Iterator[Relation]:
    """Resources to the KMS key that protects them, aliases resolved; a bucket also by its split configuration."""
    for document in lookup.of("aws_kms_alias"):
        for attribute in ("target_key_id", "target_key_arn"):
            for key in lookup.named(text(values_of(document), attribute), "aws_kms_key"):
                via = pointer("values", attribute)
                yield Relation(source=document.resource.uid, target=key, type=RelationType.REALISES, via=via)
    keys_of_alias = {
        d.resource.uid: lookup.named(text(values_of(d), "target_key_id"), "aws_kms_key")
        for d in lookup.of("aws_kms_alias")
    }
    for document in lookup.documents:
        for way, value in leaves(values_of(document)):
            name = next((step for step in reversed(way) if isinstance(step, str)), "")
            if not isinstance(value, str) or not value or not _KEY_ATTRIBUTE.search(name):
                continue
            for target in lookup.named(value, "aws_kms_key", "aws_kms_replica_key", "aws_kms_alias"):
                for uid in dict.fromkeys((target, *keys_of_alias.get(target, ()))):
                    yield from _by_key(document, uid, way, lookup)


def _by_key(document: Document, key: str, way: tuple[str | int, ...], lookup: Lookup) -> Iterator[Relation]:
    via = pointer("values", *way)
    yield Relation(source=document.resource.uid, target=key, type=RelationType.ENCRYPTS_WITH, via=via)
    if document.resource.kind.startswith(_PARTS_OF_BUCKET):
        for bucket in lookup.named(text(values_of(document), "bucket"), "aws_s3_bucket"):
            via = f"{text(document.body, 'address')} {pointer('values', *way)}"
            yield Relation(source=bucket, target=key, type=RelationType.ENCRYPTS_WITH, via=via)


def _connected(lookup: Lookup) -> Iterator[Relation]:
    """Functions and tasks to the resources that their environment names."""
    for document in lookup.of(*_COMPUTE):
        for way, value in _settings(values_of(document)):
            for spelling in (value, value.partition("://")[2], value.partition(":")[0]):
                found = lookup.named(spelling) if spelling and len(spelling) > 3 else []
                for uid in found:
                    if uid != document.resource.uid:
                        via = pointer("values", *way)
                        yield Relation(source=document.resource.uid, target=uid, type=RelationType.CONNECTS_TO, via=via)
                if found:
                    break


def _settings(values: Object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the environment of a function or of the containers of a task."""
    for field in ("environment", "container_definitions", "container_properties"):
        held: Json = parsed(values.get(field))
        for way, value in leaves(held, (field,)):
            is_setting = field == "environment" or way[-1] in ("value", "valueFrom")
            if isinstance(value, str) and is_setting:
                yield way, value
