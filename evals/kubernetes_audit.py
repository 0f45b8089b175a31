"""What is read out of Kubernetes audit logs: every write tied to object and actor, fields only where there are bodies.

`python -m evals.kubernetes_audit [DIR]`: DIR holds `codenotary_k8s_log.jsonl.gz` (a starting cluster at Metadata
level) and `falco_events.jsonl.gz` (single events with bodies).
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from graph.change import Change
from graph.document import Object
from graph.kinds.lenient import mapping, text
from tools.adapters.kubernetes_audit import KubernetesAudit, written_object

FILES: Final = ("codenotary_k8s_log.jsonl.gz", "falco_events.jsonl.gz")
_WRITES: Final = ("create", "update", "patch", "delete", "deletecollection")
_STREAMS: Final = ("exec", "attach", "portforward")
_QUESTIONS: Final = ("events", "leases", "tokenreviews", "bindings")
_CONTROL_PLANE: Final = ("system:kube-", "system:node:", "system:apiserver", "system:serviceaccount:kube-system:")
_MADE_OF_OTHERS: Final = ("pods", "replicasets", "endpoints", "endpointslices", "controllerrevisions")


class Reading(NamedTuple):
    """What a log holds, and what was read out of it."""

    lines: int
    requests: int
    """Different auditIDs."""
    writes: int
    """Requests that were carried out and write, streams into pods included."""
    left_out: Counter[str]
    """Reason to number of writes that are no change of anything that is declared."""
    tied: int
    """Writes with object and actor."""
    untied: list[str]
    """The others."""
    named: int
    """Writes of all kinds, those left out included, whose record names object and actor."""
    with_body: int
    """Tied updates and patches whose record has a body."""
    fields: int
    """Fields that they are tied to."""
    claims_without_body: int
    """Fields that were claimed of a write at Metadata level: must be none."""


def events(file: Path) -> list[Object]:
    """Return the audit events of a file; some sets wrap each in an object that tells its origin."""
    with gzip.open(file, "rt") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return [row.get("event", row) for row in rows]


def changes(records: Iterable[Object], *, tail: str = "") -> tuple[tuple[Change, ...], int]:
    """Read events as the product does; return the changes and the number of gaps that it names.

    Args:
        records: events, one a line.
        tail: what stands after the last whole line, such as a line that was cut.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "audit.jsonl")
        file.write_text("".join(json.dumps(r) + "\n" for r in records) + tail)
        batch = KubernetesAudit("audit", file, cluster="c", deployers=(), salt=b"evaluation").changes(None)
    return batch.changes, len(batch.gaps)


def read(records: Sequence[Object]) -> Reading:
    """Compare what the log holds with what was read."""
    found: dict[str, list[Change]] = {}
    for change in changes(records)[0]:
        found.setdefault(change.reference, []).append(change)
    by_id = {text(r, "auditID"): r for r in records if _is_done(r)}
    left_out: Counter[str] = Counter()
    untied, tied, with_body, fields, guessed = [], 0, 0, 0, 0
    named = sum(bool(_object(r)) and bool(text(r, "user", "username")) for r in by_id.values())
    for key, record in by_id.items():
        if key not in found:
            reason = _why_left_out(record)
            left_out[reason] += bool(reason)
            untied += [] if reason else [_name(record)]
            continue
        own = found[key]
        tied += all(c.uid and c.actor for c in own)
        untied += [] if all(c.uid and c.actor for c in own) else [_name(record)]
        has_body = bool(record.get("requestObject") or record.get("responseObject"))
        paths = sum(bool(c.path) for c in own)
        with_body += has_body and record.get("verb") in ("update", "patch")
        fields += paths if has_body else 0
        guessed += 0 if has_body else paths + sum(bool(c.before) or bool(c.after) for c in own)
    return Reading(
        len(records),
        len({text(r, "auditID") for r in records}),
        len(by_id),
        left_out,
        tied,
        untied,
        named,
        with_body,
        fields,
        guessed,
    )


def _is_done(record: Object) -> bool:
    """Whether a record is the last word on a write that was carried out."""
    reference, code = mapping(record, "objectRef"), mapping(record, "responseStatus").get("code")
    if text(reference, "subresource") in _STREAMS:
        return record.get("stage") in ("ResponseStarted", "ResponseComplete")
    is_write = record.get("verb") in _WRITES and record.get("stage") == "ResponseComplete"
    return is_write and isinstance(code, int) and 200 <= code < 300


def _why_left_out(record: Object) -> str:
    """Return why a write is none that could be drift; empty when it should have been read."""
    reference, user = mapping(record, "objectRef"), text(record, "user", "username")
    resource, part = text(reference, "resource"), text(reference, "subresource")
    if resource in _QUESTIONS or resource.endswith("reviews") or part in ("binding", "token"):
        return "a question, a beat or a message"
    if part in ("status", "approval", "finalize", "proxy"):
        return f"the {part} of an object"
    if resource in _MADE_OF_OTHERS and user.startswith(_CONTROL_PLANE):
        return "made by the control plane out of another object"
    return ""


def _object(record: Object) -> str:
    """Return the uid of what was written; of an object without a name yet, the kind and the place it is made in."""
    reference = mapping(record, "objectRef")
    body = mapping(record, "responseObject") or mapping(record, "requestObject")
    name = text(reference, "name") or text(body, "metadata", "name") or "(named by the server)"
    return written_object({**reference, "name": name}, cluster="c") or text(reference, "resource")


def _name(record: Object) -> str:
    reference = mapping(record, "objectRef")
    place = "/".join(filter(None, (text(reference, n) for n in ("namespace", "resource", "name", "subresource"))))
    return f"{record.get('verb')} {place} by {text(record, 'user', 'username') or 'nobody'}"


def _report(file: Path) -> Iterator[str]:
    records = events(file)
    found = read(records)
    yield f"{file.name}: {found.lines} lines, {found.requests} requests, {found.writes} writes that were carried out"
    yield f"  record names object and actor: {found.named} of {found.writes}"
    yield f"  read as changes, tied to object and actor: {found.tied} of {found.tied + len(found.untied)}"
    yield from (f"    not tied: {name} ({n})" for name, n in Counter(found.untied).most_common(20))
    yield from (f"  left out: {reason}: {n}" for reason, n in found.left_out.most_common())
    yield f"  updates and patches with a body: {found.with_body}, tied to {found.fields} fields"
    yield f"  fields claimed without a body: {found.claims_without_body}"
    cut, gaps = changes(records, tail=json.dumps(records[-1])[:40])
    whole, before = changes(records)
    yield f"  with a last line cut in half: {len(cut)} of {len(whole)} changes, {gaps - before} gap more"


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when a write is not tied or a field is claimed without a body, 2 without data."""
    shared = Path(os.environ.get("PLUMBLINE_SHARED", "../shared"))
    data = Path(arguments[0]) if arguments else shared / "data" / "k8s-audit"
    files = [data / name for name in FILES if (data / name).is_file()]
    if not files:
        print(f"no log in {str(data)!r}: it should hold {' or '.join(FILES)}", file=sys.stderr)
        return 2
    for file in files:
        print(*_report(file), sep="\n")
    readings = [read(events(file)) for file in files]
    return int(any(r.untied or r.claims_without_body for r in readings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
