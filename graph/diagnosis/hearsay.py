"""What others say of somebody: signs that it is unwell although its own measures show nothing.

Who answers quickly and wrongly looks well, and so does who takes what others share without suffering from it. Their
partners say so: a consumer of the content it was given, a shared thing of the client that occupies it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from graph.diagnosis.ailment import Ailment, Way
from graph.diagnosis.link import Link, LinkType
from graph.diagnosis.links import QUIET
from graph.diagnosis.names import name_pattern
from graph.telemetry import LogLine

_ROLLED_S = 1800.0
"""A rollout this long before what is said may be its reason."""
_NEW = 0.1
"""Share of lines of a form that may have been there before for it to be new."""

_CONTENT = re.compile(
    r"unmarshal|deseriali[sz]|\bdecod|\bpars(e|ing)\b|unexpected (token|field|type|value|format|schema|end)|\bschema\b"
    r"|missing (required )?(field|key|column|header|claim)|unknown (field|enum|key|version)|no matching"
    r"|not in .*\bset\b|malformed|corrupt|checksum|invalid (payload|body|json|response|signature|token)|read[- ]only"
    r"|empty (response|body|result|list|set)|contract|out of range|wrong (currency|unit|tenant|type|version)",
    re.IGNORECASE,
)
"""It complains of what it was given, not that it was given nothing."""
_OCCUPIES = re.compile(
    r"\bhold(s|ing)?\b|\bheld by\b|\block(s|ed)?\b|(sequential|full|table) scan|idle in transaction|long[- ]running"
    r"|(most|too many|opened|all) .*(connections|sessions|slots|ports)|top (client|talker|consumer)|hot (key|partition)"
    r"|flood|monopoli[sz]|bulk|unbounded",
    re.IGNORECASE,
)
"""It says that a client occupies it."""


def hearsay(
    logs: Iterable[LogLine],
    links: Sequence[Link],
    unwell: Mapping[str, Sequence[Ailment]],
    *,
    rollouts: Mapping[str, float],
) -> dict[str, list[Ailment]]:
    """Map each that others speak ill of, credibly, to what they say.

    A word about content counts against a provider that is unwell itself, or of which two complain, or that was rolled
    out lately when the one who complains was not: else the one who complains may have begun to read differently. A
    word about a client counts when the client does not fail itself: else it is a victim that is named.

    Args:
        logs: what was said.
        links: who depends on whom.
        unwell: who is unwell by own signs.
        rollouts: time of the last rollout of each, seconds since 1970-01-01 UTC.
    """
    providers, clients = _partners(links)
    words: dict[str, list[Ailment]] = defaultdict(list)
    for line in logs:
        if line.at is None or not _is_news(line):
            continue
        if _CONTENT.search(line.text):
            for uid in _named(line.text, providers[line.resource]):
                words[uid].append(_sign(uid, line, line.at))
        if _OCCUPIES.search(line.text):
            for uid in _named(line.text, clients[line.resource]):
                if all(a.way is not Way.FAILS for a in unwell.get(uid, ())):
                    words[uid].append(_sign(uid, line, line.at))
    return {uid: said for uid, said in words.items() if _is_credible(uid, said, providers, unwell, rollouts)}


def _partners(links: Sequence[Link]) -> tuple[Mapping[str, set[str]], Mapping[str, set[str]]]:
    """Map each to what it depends on, and to what depends on it."""
    providers: dict[str, set[str]] = defaultdict(set)
    clients: dict[str, set[str]] = defaultdict(set)
    for link in links:
        if link.type is not LinkType.RUNS_ON:
            providers[link.source].add(link.target)
            clients[link.target].add(link.source)
    return providers, clients


def _is_news(line: LogLine) -> bool:
    if line.baseline is None:
        return line.severity not in QUIET
    return line.baseline <= _NEW * line.count


def _named(text: str, uids: Collection[str]) -> Iterator[str]:
    return (uid for uid in sorted(uids) if name_pattern(uid).search(text))


def _sign(uid: str, line: LogLine, at: float) -> Ailment:
    return Ailment(
        resource=uid, way=Way.WITHIN, since=at, what=line.text, factor=2.0, is_said=True, told_by=line.resource
    )


def _is_credible(
    uid: str,
    said: Sequence[Ailment],
    providers: Mapping[str, set[str]],
    unwell: Mapping[str, Sequence[Ailment]],
    rollouts: Mapping[str, float],
) -> bool:
    tellers = {a.told_by for a in said}
    if uid in unwell or len(tellers) > 1 or any(teller in providers[uid] for teller in tellers):
        return True
    since = min(a.since for a in said)
    return _is_rolled(uid, since, rollouts) and not any(_is_rolled(t, since, rollouts) for t in tellers)


def _is_rolled(uid: str, since: float, rollouts: Mapping[str, float]) -> bool:
    return 0 <= since - rollouts.get(uid, float("-inf")) <= _ROLLED_S
