"""Detection speed: changes out of band, made through an API server, against drift events of a running service.

    python -m evals.detection [--changes 150] [--every 10] [--sabotage]

The same changes are seen in three ways: by a watch of the API server; by an audit log whose records make an unwatched
dump be read at once; and by reading that dump in an interval. Meanwhile watches are cut in the middle of a line, the
server forgets versions, and the service is killed and started again. Between the changes there are writes that are no
drift. Exit code 1 when a change was missed, an event was invented, or one came too late.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from evals.detection.run import ENVIRONMENTS, Record, detected, invented, missed, run
from evals.detection.service import AUDITED, POLLED, WATCHED

_SECONDS = 5.0
"""What "within seconds" means, for the slowest twentieth of the changes."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--changes", type=int, default=150, help="how many fields are changed")
    parser.add_argument("--services", type=int, default=20, help="size of the estate; seven objects each")
    parser.add_argument("--every", type=float, default=10.0, help="interval of polling, seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", action="store_true", help="let the watch be blind: this must end red")
    given = parser.parse_args(arguments)
    record = run(
        changes=given.changes,
        services=given.services,
        every_s=given.every,
        seed=given.seed,
        is_sabotaged=given.sabotage,
    )
    print(report(record))
    failures = failed(record, given.every)
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def report(record: Record) -> str:
    """Return a table: for each way of seeing and each phase, how many, how fast."""
    lines = [f"{len(record.made)} changes out of band, {record.quiet} writes that are no drift", ""]
    lines += ["seen by  | phase     | changes | missed | p50 s | p95 s | max s", "---|---|---|---|---|---|---"]
    phases = list(dict.fromkeys(m.phase for m in record.made))
    for environment in ENVIRONMENTS:
        for phase in ["all", *phases]:
            made = [m for m in record.made if phase in ("all", m.phase)]
            took = [detected(record, environment, m) for m in made]
            times = sorted(t for t in took if t is not None)
            lines.append(
                f"{environment:8} | {phase:9} | {len(made):7} | {took.count(None):6} | "
                f"{_at(times, 0.5):5.2f} | {_at(times, 0.95):5.2f} | {_at(times, 1.0):5.2f}"
            )
    lines.append("")
    for environment in ENVIRONMENTS:
        events = record.seen.get(environment, [])
        kinds = {kind: sum(e["kind"] == kind for e in events) for kind in ("opened", "changed", "attributed", "closed")}
        known = {e["drift"] for e in events if (e["actor"] or {}).get("name") == "ann@example.com"}
        by_hand = {e["drift"] for e in events if e["channel"] == "by_hand"}
        lines.append(
            f"{environment}: {kinds}, invented {len(invented(record, environment))}; "
            f"actor right for {len(known)} drifts, channel for {len(by_hand)}"
        )
    return "\n".join(lines)


def failed(record: Record, every_s: float) -> list[str]:
    """Return what is not as it must be; empty when everything is."""
    found = []
    # A record asks for a full reading, which waits for the one before; what is polled waits for the interval, too.
    limits = {WATCHED: _SECONDS, AUDITED: 2 * _SECONDS, POLLED: every_s + _SECONDS}
    for environment, limit in limits.items():
        lost, extra = missed(record, environment), invented(record, environment)
        times = sorted(t for m in record.made if (t := detected(record, environment, m)) is not None)
        if lost:
            first = lost[0]
            found.append(f"{environment}: {len(lost)} missed, e.g. {first.injection.uid}#{first.injection.path}")
        if extra:
            example = f"{extra[0]['kind']} {extra[0]['resource_name']}{extra[0]['path']} ({extra[0]['verdict']})"
            found.append(f"{environment}: {len(extra)} invented, e.g. {example}")
        if _at(times, 0.95) > limit:
            found.append(f"{environment}: p95 is {_at(times, 0.95):.1f} s, not within {limit:.1f} s")
    return found


def _at(times: Sequence[float], share: float) -> float:
    """Return the time within which that share of the changes was seen; nan when none was."""
    return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)] if times else math.nan


if __name__ == "__main__":
    sys.exit(main())
