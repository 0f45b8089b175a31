"""The actual state of one AWS account as a source of environments: read-only calls in threads, joined with Terraform.

A refusal is a named gap of one type in one region; what it hides is never reported as gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from graph.errors import Invalid, NotFound, OutsideError, Refused, Unreachable
from graph.kinds.aws.live import Joined, LiveResource, Reach, join, unmanaged_scope
from graph.resource import Facet
from graph.version import Document, Snapshot, Unreadable
from tools.adapters.aws.calls import NO_ANSWER, Account, Calls, TooMany, code_of, is_denied, reason_of
from tools.adapters.aws.readers import READERS, Reader
from tools.adapters.aws.session import AwsAccess, AwsSession
from tools.ports import StateSource

_THREADS: Final = 8
"""Calls at a time; more run into the request limits of IAM and EC2, which are per account."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one reader gave in one region."""

    reader: Reader
    region: str
    found: Sequence[LiveResource] = ()
    unread: str = ""
    """Why nothing, or not everything, of it is known."""
    refused: Sequence[str] = ()
    """Parts that are missing, each with the error code."""
    blind: Sequence[tuple[str, str]] = ()
    """(type, reason) of parts that are resources of their own."""
    is_silent: bool = False
    """Whether the service gave no answer at all."""


class AwsSource:
    """A `StateSource` over one account."""

    def __init__(
        self,
        name: str,
        access: AwsAccess,
        *,
        declared: Sequence[StateSource],
        stack: str,
        salt: bytes,
        clock: Callable[[], datetime],
        readers: Sequence[Reader] = READERS,
    ) -> None:
        """Describe where to read; no call is made yet.

        Args:
            name: name of the source within its environment.
            access: which account, and as whom.
            declared: sources of Terraform state, by which live resources get their addresses.
            stack: name of the stack under which resources stand that nothing declares.
            salt: key under which sensitive values are hashed.
            clock: gives the present, UTC.
            readers: what to read; everything that is known by default.
        """
        if not access.regions:
            raise Invalid("an AWS source needs at least one region", where=name)
        self.name = name
        self._access = access
        self._declared = tuple(declared)
        self._stack = stack
        self._salt = salt
        self._clock = clock
        self._readers = tuple(readers)
        self.session = AwsSession(access)
        self.found: dict[str, str] = {}
        """ARN to uid of what the last reading found."""

    @property
    def facet(self) -> Facet:
        """Always actual state."""
        return Facet.ACTUAL

    def read(self) -> Snapshot:
        """Read the account.

        Raises:
            Unreachable: no service answered, or the declared state to join with can't be read.
            Refused: the credentials are not accepted.
        """
        declared = self._declarations()
        taken_at = self._clock()
        identity = self._identity()
        outcomes = self._run(Account(id=identity[0], partition=identity[1], region=self._access.regions[0]))
        if all(o.is_silent for o in outcomes):
            raise Unreachable(f"{self.name}: no AWS service answered: {outcomes[0].unread}; check network and endpoint")
        reach = self._reach(identity[0], outcomes)
        found = [live for outcome in outcomes for live in outcome.found]
        documents = [d for snapshot in declared for d in snapshot.documents]
        joined = join(found, documents, reach, stack=self._stack, salt=self._salt)
        if not all(snapshot.complete for snapshot in declared):
            joined = self._without_undeclared(joined, identity[0])
        self.found = {a: d.resource.uid for d in joined.documents for a in d.resource.aliases if a.startswith("arn:")}
        unreadable = (*joined.unreadable, *_missing_parts(outcomes))
        return Snapshot(
            facet=Facet.ACTUAL,
            source=self.name,
            taken_at=taken_at,
            documents=tuple(_once(joined.documents)),
            unreadable=unreadable,
            complete=all(u.is_bounded for u in unreadable),
        )

    def _declarations(self) -> list[Snapshot]:
        """Read what is declared; without it every resource would look unmanaged, so its failure is ours."""
        try:
            return [source.read() for source in self._declared]
        except (OutsideError, NotFound) as error:
            raise Unreachable(
                f"{self.name}: AWS was not read, as the state that names its resources can't be: {error}"
            ) from error

    def _without_undeclared(self, joined: Joined, account: str) -> Joined:
        """Leave out what nothing declares, where a part of the declarations could not be read."""
        scope = unmanaged_scope(self._stack, account)
        gap = Unreadable(
            where=f"undeclared resources of account {account}",
            reason="a part of the Terraform state could not be read, so nobody knows what is undeclared",
            scopes=(scope,),
        )
        kept = [d for d in joined.documents if not d.resource.uid.startswith(scope)]
        return Joined(kept, [*joined.unreadable, gap])

    def _identity(self) -> tuple[str, str]:
        """Return account and partition. This call needs no permission, so a refusal is about the credentials."""
        try:
            answer = self.session.client("sts", self._access.regions[0]).get_caller_identity()
        except ClientError as error:
            raise Refused(
                f"{self.name}: the credentials were refused: {reason_of(error)}; check profile and role"
            ) from error
        except NO_ANSWER as error:
            raise Unreachable(f"{self.name}: AWS could not be asked who we are: {error}") from error
        return str(answer["Account"]), str(answer["Arn"]).split(":")[1]

    def _run(self, home: Account) -> list[_Outcome]:
        tasks: list[tuple[Reader, str, Calls]] = []
        for reader in self._readers:
            for region in self._access.regions[:1] if reader.is_global else self._access.regions:
                clients = {service: self.session.client(service, region) for service in reader.services}
                tasks.append((reader, region, Calls(home._replace(region=region), clients)))
        with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="aws") as pool:
            return list(pool.map(_attempt, tasks))

    def _reach(self, account: str, outcomes: Sequence[_Outcome]) -> Reach:
        unread: dict[tuple[str, str], str] = {}
        for outcome in outcomes:
            region = "" if outcome.reader.is_global else outcome.region
            if outcome.unread:
                unread.update({(type, region): outcome.unread for type in outcome.reader.types})
            unread.update({(type, region): reason for type, reason in outcome.blind})
        return Reach(
            account=account,
            regions=frozenset(self._access.regions),
            types=frozenset(type for reader in self._readers for type in reader.types),
            unread=unread,
        )


def _attempt(task: tuple[Reader, str, Calls]) -> _Outcome:
    """Run one reader. What it gave before it failed is of no use: nobody could say what is missing."""
    reader, region, calls = task
    try:
        found = tuple(
            LiveResource(
                type=one.type,
                values=one.values,
                status=one.live,
                account=calls.account.id,
                region="" if reader.is_global else region,
            )
            for one in reader.read(calls)
        )
    except ClientError as error:
        needed = f"; allow {error.operation_name}" if is_denied(code_of(error)) else ""
        return _Outcome(reader, region, unread=f"{error.operation_name}: {reason_of(error)}{needed}")
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        return _Outcome(reader, region, unread=reason_of(error), is_silent=True)
    except (*NO_ANSWER, TooMany) as error:
        return _Outcome(reader, region, unread=str(error)[:300])
    refused = [f"{operation}: {reason}" for operation, reason in sorted(calls.refused.items())]
    return _Outcome(reader, region, found, refused=refused, blind=tuple(sorted(calls.blind.items())))


def _missing_parts(outcomes: Iterable[_Outcome]) -> Iterator[Unreadable]:
    """Say which parts of resources were refused; the attributes that they give are blind, the rest is not concerned."""
    for outcome in outcomes:
        for refused in outcome.refused:
            where = f"parts of {outcome.reader.types[0]} in {outcome.region}"
            yield Unreadable(where=where, reason=refused, is_read=True)


def _once(documents: Iterable[Document]) -> Iterator[Document]:
    """Keep one document for each uid."""
    return iter({d.resource.uid: d for d in documents}.values())
