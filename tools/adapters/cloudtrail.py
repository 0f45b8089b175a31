"""CloudTrail files to changes of AWS resources, and to denials that their callers met.

Format: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
Records come late, unordered and at times twice; `eventID` identifies one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from graph.change import Change
from graph.document import ABSENT, Absent, Json, Object, digest
from graph.evidence import Gap, ObservationKind, SymptomEvent
from graph.kinds.terraform.sensitive import masked
from tools.adapters.cloudtrail_identity import caller
from tools.adapters.cloudtrail_writes import Write, writes
from tools.adapters.followed_lines import FollowedLines
from tools.adapters.json_lines import Line, read_lines
from tools.adapters.stream_holes import StreamTimes, end_of, holes
from tools.adapters.timestamps import read_time
from tools.ports import ChangeBatch

_READS: Final = ("Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Scan", "Select", "BatchGet", "Check")
_NO_STATE: Final = frozenset({"sts", "signin", "ssmmessages", "ec2messages", "health", "logs-query"})
"""Services whose writes hand out credentials or messages."""
_USES: Final = frozenset(
    {"Decrypt", "Encrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "Sign"}
)
_DENIALS: Final = ("AccessDenied", "Unauthorized", "Forbidden", "DisabledException", "KMSInvalidState", "NotAuthorized")
_LONGEST_LINE_BYTES: Final = 64 * 2**20
"""CloudTrail delivers files with all records of some minutes on one line."""


class CloudTrail:
    """A `FollowedSource` and a `SymptomSource` over CloudTrail files."""

    def __init__(self, name: str, path: Path, *, deployers: Collection[str], salt: bytes) -> None:
        """Describe where to read.

        Args:
            name: name of the source within its environment.
            path: a file or folder of JSON lines or delivered files (`{"Records": [...]}`), gzipped or not.
            deployers: declared deployers: names or ARNs of roles and users.
            salt: key under which values that look secret are hashed.
        """
        self.name = name
        self._path = path
        self._deployers = frozenset(deployers)
        self._salt = salt
        self._followed = FollowedLines(path, max_line_bytes=_LONGEST_LINE_BYTES)
        self._told = _Known()
        self._times = StreamTimes(name)

    def news(self) -> ChangeBatch:
        """Return the writes that were delivered since the last call; see `FollowedSource`.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        records, gaps = self._records(self._followed.news())
        gaps += self._times.take(at for at, _ in records)
        changes = tuple(self._writes(records, self._told))
        return ChangeBatch(changes=changes, gaps=tuple(gaps), told_until=self._times.told_until)

    def changes(self, since: datetime | None) -> ChangeBatch:
        """Return the writes that succeeded after `since`, oldest first. Earlier records tell what was before.

        Raises:
            NotFound: there is no such file.
            OutsideError: it can't be read.
        """
        records, gaps = self._records(self._lines())
        times = [at for at, _ in records]
        gaps += holes(times, stream=self.name)
        kept = [c for c in self._writes(records, _Known()) if since is None or c.latest > since]
        return ChangeBatch(changes=tuple(kept), gaps=tuple(gaps), told_until=end_of(times))

    def symptoms(self, since: datetime) -> Sequence[SymptomEvent]:
        """Return calls that were denied after `since`, oldest first, each under the role or user that met it."""
        records, _ = self._records(self._lines())
        return [self._denial(record, at) for at, record in records if at > since and _is_denial(record)]

    def _lines(self) -> Iterator[Line | Gap]:
        return read_lines(self._path, max_line_bytes=_LONGEST_LINE_BYTES)

    def _writes(self, records: Iterable[tuple[datetime, Object]], known: _Known) -> Iterator[Change]:
        for at, record in records:
            if is_write(record):
                yield from self._changes(record, at, known)

    def _records(self, lines: Iterable[Line | Gap]) -> tuple[list[tuple[datetime, Object]], list[Gap]]:
        gaps: list[Gap] = []
        records: dict[str, tuple[datetime, Object]] = {}
        for line in lines:
            if isinstance(line, Gap):
                gaps.append(line)
                continue
            delivered = line.value.get("Records")
            for record in delivered if isinstance(delivered, list) else [line.value]:
                at = read_time(record.get("eventTime")) if isinstance(record, dict) else None
                key = record.get("eventID") if isinstance(record, dict) else None
                if at is None or not isinstance(key, str):
                    where = f"CloudTrail record on line {line.number} of {self._path.name}"
                    gaps.append(Gap(what=where, why="it has no eventTime or no eventID, so it can't be placed"))
                else:
                    records.setdefault(key, (at, record))
        return sorted(records.values(), key=lambda r: r[0]), gaps

    def _changes(self, record: Object, at: datetime, known: _Known) -> Iterator[Change]:
        who = caller(record, deployers=self._deployers)
        event = f"{str(record.get('eventSource', '')).partition('.')[0]} {record.get('eventName')}"
        for index, write in enumerate(writes(record)):
            before, after = known.apply(record, write)
            yield Change(
                id=f"cloudtrail-{digest([record['eventID'], index])[:16]}",
                uid=write.resource,
                kind=write.kind,
                path=write.path,
                before=self._clean(write, before),
                after=self._clean(write, after),
                earliest=at,
                latest=at,
                actor=who.actor,
                channel=who.channel,
                summary=f"{event} {write.resource}".strip(),
                source=self.name,
                reference=record["eventID"],
            )

    def _clean(self, write: Write, value: Json | Absent) -> Json | Absent:
        if value is ABSENT:
            return ABSENT
        name = write.path.rpartition("/")[2]
        return masked({name: value}, (), self._salt).get(name)

    def _denial(self, record: Object, at: datetime) -> SymptomEvent:
        who = caller(record, deployers=self._deployers).actor
        identity = record.get("userIdentity")
        context = identity.get("sessionContext") if isinstance(identity, dict) else None
        issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
        role = issuer.get("userName") if isinstance(issuer, dict) else None
        event = f"{str(record.get('eventSource', '')).partition('.')[0]}:{record.get('eventName')}"
        message = record.get("errorMessage")
        return SymptomEvent(
            kind=ObservationKind.EVENT,
            resource=role if isinstance(role, str) else who.name,
            at=at,
            text=f"{event} denied: {message if isinstance(message, str) else ''}"[:2000],
            reason=str(record.get("errorCode")),
            source=self.name,
        )


def is_write(record: Object) -> bool:
    """Whether a record tells of a call that succeeded and changed what is configured."""
    service = str(record.get("eventSource", "")).partition(".")[0]
    event = str(record.get("eventName", ""))
    if record.get("errorCode") or record.get("managementEvent") is False or service in _NO_STATE:
        return False
    if record.get("eventType") in ("AwsConsoleSignIn", "AwsConsoleAction") or not service or not event:
        return False
    if "readOnly" in record:
        return record["readOnly"] in (False, "false") and event not in _USES
    return not event.startswith(_READS) and event not in _USES


def _is_denial(record: Object) -> bool:
    code = record.get("errorCode")
    return isinstance(code, str) and any(mark in code for mark in _DENIALS)


class _Known:
    """What earlier records said of each attribute, so that a later one gets its `before`."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Json | Absent] = {}
        self._versions: dict[tuple[str, str], Json] = {}

    def apply(self, record: Object, write: Write) -> tuple[Json | Absent, Json | Absent]:
        """Return (before, after) of a write and remember what holds from now on."""
        before, after = write.before, write.after
        event = record.get("eventName")
        if event == "CreatePolicyVersion":
            after = self._new_version(record, write)
        elif event == "SetDefaultPolicyVersion":
            request = record.get("requestParameters")
            version = str(request.get("versionId")) if isinstance(request, dict) else ""
            after = self._versions.get((write.resource, version), ABSENT)
        if write.is_entry or not write.resource:
            return before, after
        key = (write.resource, write.path)
        if before is ABSENT:
            before = self._values.get(key, ABSENT)
        self._values[key] = after
        return before, after

    def _new_version(self, record: Object, write: Write) -> Json | Absent:
        """Remember a policy version; it only takes effect when the call made it the default."""
        request, response = record.get("requestParameters"), record.get("responseElements")
        version = response.get("policyVersion") if isinstance(response, dict) else None
        version_id = version.get("versionId") if isinstance(version, dict) else None
        if isinstance(version_id, str):
            self._versions[write.resource, version_id] = write.after
        is_default = request.get("setAsDefault") if isinstance(request, dict) else False
        if is_default in (True, "true"):
            return write.after
        return self._values.get((write.resource, write.path), ABSENT)
