"""Find Terraform resources by address, by name or ARN, and by an ARN pattern."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from graph.document import Object
from graph.kinds.aws.permission import matches
from graph.kinds.lenient import mapping, text
from graph.kinds.terraform.address import without_keys
from graph.kinds.terraform.document import stack_of
from graph.resource import Platform, terraform_uid
from graph.version import Document


class Lookup:
    """The Terraform documents among some documents. Several facets of one resource may be in it."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = [
            d for d in documents if d.resource.platform is Platform.TERRAFORM and not d.body.get("deposed")
        ]
        self._by_alias: dict[str, dict[str, Document]] = defaultdict(dict)
        self._by_address: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._arns: dict[str, str] = {}
        for document in self.documents:
            uid = document.resource.uid
            address = text(document.body, "address")
            for spelling in {address, without_keys(address)}:
                self._by_address[stack_of(document), spelling][uid] = None
            for alias in document.resource.aliases:
                self._by_alias[alias].setdefault(uid, document)
            arn = text(document.body, "values", "arn")
            if arn and document.resource.aliases:
                self._arns.setdefault(arn, uid)

    def of(self, *types: str) -> list[Document]:
        """Return the documents of these resource types."""
        return [d for d in self.documents if d.resource.kind in types]

    def named(self, alias: str, *types: str) -> list[str]:
        """Return the uids of the resources that go by this name, ARN or id; only of some types, when given."""
        found = self._by_alias.get(alias, {})
        return [uid for uid, d in found.items() if not types or d.resource.kind in types]

    def at(self, near: Document, address: str) -> list[str]:
        """Return the uids at an address in the stack of `near`; all instances when it has no instance keys.

        An address at which nothing is known gives the uid it would have.
        """
        stack = stack_of(near)
        return list(self._by_address.get((stack, address), {})) or [terraform_uid(stack=stack, address=address)]

    def arns(self, pattern: str) -> Iterator[str]:
        """Yield the uids of the resources that an ARN pattern names, or something inside of them (a bucket's keys)."""
        exact = self._arns.get(pattern)
        if exact:
            yield exact
            return
        for arn, uid in self._arns.items():
            if matches(pattern, arn) or pattern.startswith((arn + "/", arn + ":")):
                yield uid

    def of_service(self, service: str) -> Iterator[str]:
        """Yield the uids of the resources whose ARN belongs to a service such as `kms`, aliases of keys left out."""
        for arn, uid in self._arns.items():
            if arn.split(":")[2:3] == [service] and ":alias/" not in arn:
                yield uid


def values_of(document: Document) -> Object:
    """Return the attributes of a resource."""
    return mapping(document.body, "values")
