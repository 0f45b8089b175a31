"""What is read out of CloudTrail with the user agent withheld: resources, and which writes look like a deployment.

`python -m evals.cloudtrail [DIR] [--models]`: DIR holds `aws_dataset` and `stratus`, each with events and an answer
sheet (`user_agents.jsonl`) that is opened for scoring only. With `--models` the names of all write operations that
botocore knows are tried as well.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from evals.figures import wilson
from graph.calls import judge
from graph.change import ActorType, Channel
from graph.document import Object
from graph.kinds.lenient import mapping, text
from tools.adapters.cloudtrail import CloudTrail, is_write
from tools.adapters.cloudtrail_calls import calls_of
from tools.adapters.cloudtrail_identity import caller, is_from_console
from tools.adapters.cloudtrail_writes import writes

SETS: Final = ("aws_dataset", "stratus")
DEPLOYMENT, BY_HAND, ON_INSTANCE, SERVICE, CONSOLE = "terraform", "attack_tool", "ssm_agent", "aws_service", "console"
_ACCOUNT_ROOT: Final = ":root"


class Extraction(NamedTuple):
    """What was read out of the write events of a set."""

    events: int
    by_name: Mapping[str, int]
    """Event name to the number of its events."""
    without: Mapping[str, int]
    """Event name to the number of events from which no resource was read, not even the account."""
    of_account: Mapping[str, int]
    """Event name to the number of events that change a setting of the account."""


def records(folder: Path) -> list[Object]:
    """Return the events of a set, what they say of their user agent removed."""
    found: list[Object] = []
    for file in sorted(folder.glob("*.jsonl")):
        if file.name != "user_agents.jsonl":
            lines = file.read_text().splitlines()
            found += [{k: v for k, v in json.loads(line).items() if k != "userAgent"} for line in lines if line]
    return found


def extraction(events: Iterable[Object]) -> Extraction:
    """Read the resources of every write."""
    by_name: Counter[str] = Counter()
    without: Counter[str] = Counter()
    of_account: Counter[str] = Counter()
    for event in events:
        if is_write(event):
            name = text(event, "eventName")
            by_name[name] += 1
            resources = [write.resource for write in writes(event)]
            without[name] += not resources or not all(resources)
            of_account[name] += any(r.endswith(_ACCOUNT_ROOT) for r in resources)
    return Extraction(by_name.total(), by_name, +without, +of_account)


def classify(events: Sequence[Object]) -> dict[str, str]:
    """Map the id of every write that succeeded to its class: by principal, session, service and what is around it."""
    is_of_run = {judged.call.id: judged.is_of_run for judged in judge(calls_of(events))}
    return {event["eventID"]: _class(event, is_of_run[event["eventID"]]) for event in events if is_write(event)}


def _class(event: Object, is_of_run: bool) -> str:
    who = caller(event, deployers=())
    if who.channel is Channel.PROVIDER:
        return SERVICE
    if is_from_console(event):
        return CONSOLE
    if who.actor.type is ActorType.AUTOMATION:
        return ON_INSTANCE
    return DEPLOYMENT if is_of_run else BY_HAND


def assumed_role_is_deployment(events: Sequence[Object]) -> dict[str, str]:
    """Baseline: pipelines assume roles, people do not; services are told by `invokedBy`."""
    found = {}
    for event in events:
        if is_write(event):
            identity = mapping(event, "userIdentity")
            is_service = text(identity, "type") == "AWSService" or bool(identity.get("invokedBy"))
            is_role = text(identity, "type") == "AssumedRole"
            found[event["eventID"]] = SERVICE if is_service else DEPLOYMENT if is_role else BY_HAND
    return found


def everything_is_deployment(events: Sequence[Object]) -> dict[str, str]:
    """Baseline: the declared deployer's principal is all that counts."""
    return {event["eventID"]: DEPLOYMENT for event in events if is_write(event)}


def is_stable(events: Sequence[Object], seed: int = 1) -> bool:
    """Whether shuffled, repeated and late deliveries give the very changes that a delivery in order gives."""
    chance = random.Random(seed)  # noqa: S311  (no secret is made)
    untidy = [*events, *chance.sample(list(events), len(events) // 5)]
    chance.shuffle(untidy)
    with tempfile.TemporaryDirectory() as folder:
        tidy, other = Path(folder, "a.jsonl"), Path(folder, "b.jsonl")
        tidy.write_text("".join(json.dumps(e) + "\n" for e in events))
        other.write_text("".join(json.dumps(e) + "\n" for e in untidy[: len(untidy) // 2]))
        late = _trail(other)
        early = late.news().changes
        with other.open("a") as file:
            file.writelines(json.dumps(e) + "\n" for e in untidy[len(untidy) // 2 :])
        straight = {c.id for c in _trail(tidy).changes(None).changes}
        return (
            straight
            == {c.id for c in _trail(other).changes(None).changes}
            == {c.id for c in (*early, *late.news().changes)}
        )


def _trail(path: Path) -> CloudTrail:
    return CloudTrail("trail", path, deployers=(), salt=b"evaluation")


def answers(folder: Path) -> dict[str, str]:
    """Read the answer sheet of a set."""
    lines = (folder / "user_agents.jsonl").read_text().splitlines()
    return {row["eventID"]: row["class"] for row in map(json.loads, lines)}


def confusion(found: Mapping[str, str], truth: Mapping[str, str]) -> dict[str, Counter[str]]:
    """Count (true class, found class) of all writes that were classified."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for key, name in found.items():
        table[truth[key]][name] += 1
    return table


def _show(title: str, table: Mapping[str, Counter[str]]) -> Iterator[str]:
    columns = sorted({name for row in table.values() for name in row})
    total = sum(row.total() for row in table.values())
    right = sum(row[name] for name, row in table.items())
    low, high = wilson(right, total)
    yield f"{title}: {right} of {total} right ({right / total:.3f}, 95 % {low:.3f} to {high:.3f})"
    yield f"  {'is / found':14} {' '.join(c.rjust(12) for c in columns)}"
    for name, row in sorted(table.items()):
        yield f"  {name:14} {' '.join(str(row[c]).rjust(12) for c in columns)}"


def _report(folder: Path) -> Iterator[str]:
    events = records(folder)
    found = extraction(events)
    yield f"{folder.name}: {found.events} writes of {len(found.by_name)} event names"
    yield f"  without a resource: {dict(found.without) or 'none'}"
    yield f"  about the account itself: {dict(found.of_account) or 'none'}"
    yield f"  shuffled, repeated and late: {'the same changes' if is_stable(events) else 'OTHER CHANGES'}"
    truth = answers(folder)
    yield from _show("by principal, session, service and run", confusion(classify(events), truth))
    yield from _show("baseline: an assumed role deploys", confusion(assumed_role_is_deployment(events), truth))
    yield from _show("baseline: the principal alone", confusion(everything_is_deployment(events), truth))
    yield "  the user agent itself is no baseline here: the answer sheet was made from it"


def _models() -> Iterator[str]:
    from evals.aws_models import modelled_calls, resource_of

    calls = modelled_calls()
    named = [(c, resource_of(c)) for c in calls]
    own = sum(not any(r.endswith(_ACCOUNT_ROOT) for r in found) for _, found in named)
    known = [(c, found) for c, found in named if c.names]
    right = sum(c.is_named_by(found) for c, found in known)
    yield f"botocore: {len(calls)} write operations of {len({c.service for c in calls})} services"
    share = own / len(calls)
    yield f"  a resource read from parameters or answer: {own} ({share:.3f}); the account itself: {len(calls) - own}"
    yield f"  right by boto3's resource models: {right} of {len(known)} ({right / len(known):.3f})"
    for call, found in known:
        if not call.is_named_by(found):
            yield f"    {call.service} {call.operation}: {found[:2]} instead of {sorted(call.names)[:2]}"


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when an event has no resource or the order of delivery matters, 2 without data."""
    given = [a for a in arguments if not a.startswith("--")]
    data = Path(given[0] if given else Path(os.environ.get("PLUMBLINE_SHARED", "../shared"), "data", "cloudtrail"))
    present = [data / name for name in SETS if (data / name).is_dir()]
    if not present and "--models" not in arguments:
        print(f"no set in {str(data)!r}: name a folder that holds {' or '.join(SETS)}", file=sys.stderr)
        return 2
    for folder in present:
        print(*_report(folder), sep="\n")
    if "--models" in arguments:
        print(*_models(), sep="\n")
    return int(any(extraction(records(f)).without or not is_stable(records(f)) for f in present))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
