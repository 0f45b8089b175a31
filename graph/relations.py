"""All relations of an environment: those within each platform, and those that cross between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from graph.kinds.compose import relations as compose
from graph.kinds.kubernetes import relations as kubernetes
from graph.kinds.lenient import text
from graph.kinds.terraform import relations as terraform
from graph.kinds.terraform.lookup import Lookup, values_of
from graph.relation import Relation, RelationType
from graph.resource import Platform, kubernetes_uid
from graph.version import Document

_SHORTEST_NAME = 4
"""Shorter names stand in settings by chance."""

_REACHED_BY_NAME = frozenset(
    {
        "aws_dynamodb_table",
        "aws_kinesis_stream",
        "aws_kms_alias",
        "aws_lambda_function",
        "aws_s3_bucket",
        "aws_secretsmanager_secret",
        "aws_sns_topic",
        "aws_sqs_queue",
        "aws_ssm_parameter",
        "google_pubsub_topic",
        "google_storage_bucket",
    }
)
"""Types that programs are told by their bare name; the name of any other type in a value is chance."""


def derive(documents: Sequence[Document]) -> list[Relation]:
    """Return the relations that documents of all platforms state, each once.

    Args:
        documents: usually one facet of an environment. With several facets of one resource, the relations of each
            are in the result.
    """
    lookup = Lookup(documents)
    aliases = cloud_aliases(lookup)
    clusters = {d.resource.uid.split("/")[2] for d in documents if d.resource.platform is Platform.KUBERNETES}
    found = [
        *kubernetes.derive(documents, aliases=aliases),
        *terraform.derive(documents),
        *compose.derive(documents),
        *roles_of_pods(pod_identities(lookup), clusters),
    ]
    return list(dict.fromkeys(found))


def cloud_aliases(lookup: Lookup) -> dict[str, str]:
    """Map each name by which a program may reach a cloud resource to its uid; a name of two resources to neither."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for document in lookup.documents:
        uid, name = document.resource.uid, text(values_of(document), "name")
        for alias in document.resource.aliases:
            is_bare = not any(mark in alias for mark in ":/.") or alias == name
            if is_bare and document.resource.kind not in _REACHED_BY_NAME and document.resource.kind != "aws_kms_key":
                continue
            if len(alias) >= _SHORTEST_NAME and found.setdefault(alias, uid) != uid:
                twice.add(alias)
    return {alias: uid for alias, uid in found.items() if alias not in twice}


class Identity(NamedTuple):
    """A role that an EKS pod identity association gives to a ServiceAccount.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
    """

    cluster: str
    """As the cloud calls it."""
    namespace: str
    account: str
    arn: str
    roles: tuple[str, ...]
    """uids of the roles with this ARN."""
    via: str


def pod_identities(lookup: Lookup) -> Iterator[Identity]:
    """Yield the roles that pods get by an association."""
    for document in lookup.of("aws_eks_pod_identity_association"):
        values = values_of(document)
        arn = text(values, "role_arn")
        yield Identity(
            cluster=text(values, "cluster_name"),
            namespace=text(values, "namespace"),
            account=text(values, "service_account"),
            arn=arn,
            roles=tuple(lookup.named(arn, "aws_iam_role")),
            via=f"{text(document.body, 'address')} /values/role_arn",
        )


def roles_of_pods(identities: Iterable[Identity], clusters: Collection[str]) -> Iterator[Relation]:
    """Yield ASSUMES from ServiceAccounts; `clusters` are all that are known, by the names in their uids."""
    for identity in identities:
        for cluster in sorted(clusters):
            # Which known cluster the association is for is only clear when there is one, or the names agree.
            if len(clusters) == 1 or cluster == identity.cluster:
                account = kubernetes_uid(
                    cluster=cluster,
                    group="",
                    kind="ServiceAccount",
                    namespace=identity.namespace,
                    name=identity.account,
                )
                for role in identity.roles or (identity.arn,):
                    yield Relation(
                        source=account, target=role, type=RelationType.ASSUMES, via=identity.via, detail=identity.arn
                    )
