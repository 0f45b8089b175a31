"""Causes that no commit has: a provider, a certificate, a zone, a neighbour, a quota, a surge, a bad record.

Each needs its own positive sign. That no commit fits is none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from graph.diagnosis.code.reading import words_of
from graph.diagnosis.commits.causes_outside import SIGNS, Outside
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.traffic import asks_more, surge
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.hypothesis import Reason
from graph.resource import display_uid

_HOST = re.compile(
    r"(?<![\w.@/-])(?:https?://)?((?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|cloud|eu|de|uk|fr|us|co|ai"
    r"|example|gov|int|info|biz|me|tech|jp|in|ca|au|ch|nl|se|pl|it|es))(?![\w.-]*\w)",
    re.IGNORECASE,
)
_OURS = re.compile(r"\.(svc|local|internal|lan|corp|cluster)(\.|$)|^(org|com|io|net|java|javax|sun)\.", re.IGNORECASE)
_FAILS = re.compile(
    r"\b5\d\d\b|unavailable|timed?[ -]?out|refused|reset|error|fail|unreachable|degraded|overload"
    r"|max_concurrent|reject|deadline|gave up",
    re.IGNORECASE,
)
_OUTAGE = re.compile(
    r"degrad|outage|investigating|elevated|identified|disruption|incident|partial|unavailable|\bplans?\b|limit"
    r"|quota|suspend"
    r"|maintenance|migrat|deprecat|failing",
    re.IGNORECASE,
)
_HOST_WORTH, _ONE_FOR_ALL, _NOTICED = 1.8, 1.5, 1.5
_SERVICES = 2
"""From so many services on, a complaint of the same thing at the same time is no matter of one service's code."""
_EXPIRY = re.compile(r"cert\w*_(expir|not_after|valid|remaining|days)|expir\w*_(seconds|days)", re.IGNORECASE)
_RAN_OUT = 1.5
_SURGE_WORTH, _SURGE_PERHAPS = 3.5, 1.8
_CROWD_WORTH = 0.7
_BEFORE_S, _LATER = 900.0, 0.4
_CROWD = re.compile(
    r"campaign|newsletter|utm_|flash ?sale|\bbots?\b|crawler|scrap(er|ing)|user-agent|ddos|stuffing|push notification"
    r"|client=\S*(migrat|import|load|sync|test|bot)|bulk (import|upload|accepted)|backfill|migrator|load ?test|replay",
    re.IGNORECASE,
)
_OWN_DOING = 0.3
"""Share that is left when the service itself asks the other side far more than before, for the same requests."""


class Apart(NamedTuple):
    """A cause outside and what speaks for it."""

    sort: Outside
    reasons: tuple[Reason, ...]

    @property
    def points(self) -> float:
        return sum(r.worth for r in self.reasons)


def outside(scene: Scene) -> Apart | None:
    """Return the cause outside that has the most evidence; None when none has any."""
    found: dict[Outside, list[Reason]] = defaultdict(list)
    for sort, reason in (
        *_said(scene),
        *_hosts(scene),
        *_surges(scene),
        *_run_out(scene),
        *_others(scene),
        *_by_hand(scene),
    ):
        found[sort].append(reason)
    for sort in list(found):
        if sort is not Outside.SURGE:
            found[sort] += _notices(scene, sort)
    apart = [Apart(sort, tuple(sorted(reasons, key=lambda r: -r.worth))) for sort, reasons in found.items()]
    return max(apart, key=lambda a: (a.points, a.sort), default=None)


def _said(scene: Scene) -> Iterator[tuple[Outside, Reason]]:
    """What complaints say in so many words, and how many services say it at once."""
    for sign in SIGNS:
        telling = [
            c for c in scene.complaints if sign.says.search(c.text) or sign.says.search(c.text.replace("_", " "))
        ]
        if not telling:
            continue
        share = _OWN_DOING if sign.sort in (Outside.QUOTA, Outside.PROVIDER) and asks_more(scene) else 1.0
        about = tuple(c.key for c in telling)
        text = f"Systems complain of {sign.sort.value}, which no commit of theirs brings."
        yield sign.sort, Reason(worth=share * sign.worth, text=text, about=about)
        having = {scene.names[c.service][0] for c in telling if c.service in scene.names}
        naming = {c.service for c in scene.complaints if any(_is_named(name, f"{c.text} {c.names}") for name in having)}
        hit = {c.service for c in telling if c.service} | (naming if sign.sort is Outside.PLACE else set())
        if len(hit) >= _SERVICES and sign.sort is not Outside.DATA:
            yield sign.sort, Reason(worth=_ONE_FOR_ALL, text=f"It hits {len(hit)} services at once.", about=about)


_BY_HAND = re.compile(
    r"\bpsql\b|bastion|mysql client|mongosh|redis-cli|\bby hand\b|\bmanual(ly)?\b|sqlplus|dbeaver|datagrip"
    r"|pgadmin|ssh session",
    re.IGNORECASE,
)
_HEAVY = re.compile(
    r"vacuum\b.*full|\breindex\b|\bcluster\b|alter table|lock table|create index|\bupdate \w+ set|delete from"
    r"|truncate|pg_dump|mysqldump"
    r"|flushall|\bkeys \*|drain|cordon|scale|delete (pod|node|deploy)|resync|rebuild|rebalance|backup|snapshot",
    re.IGNORECASE,
)
_HAND_WORTH = 2.5


def _by_hand(scene: Scene) -> Iterator[tuple[Outside, Reason]]:
    """A heavy statement of a person, in what was said quietly and never before."""
    for line in scene.telemetry.logs:
        said = f"{line.text} {line.example} {' '.join(line.attributes.values())}"
        if line.baseline == 0 and _BY_HAND.search(said) and _HEAVY.search(said):
            text = f"Somebody worked at {display_uid(line.resource)} by hand: {line.text[:_SHOWN]}"
            yield Outside.STORE, Reason(worth=_HAND_WORTH, text=text)
            if any(c.service == line.resource for c in scene.complaints):
                yield Outside.STORE, Reason(worth=_ONE_FOR_ALL, text=f"{display_uid(line.resource)} itself complains.")
            return


_SHOWN = 100


def _hosts(scene: Scene) -> Iterator[tuple[Outside, Reason]]:
    """Hosts of others that complaints name as failing."""
    by_host: dict[str, set[str]] = defaultdict(set)
    about: dict[str, list[str]] = defaultdict(list)
    for complaint in scene.complaints:
        if not _FAILS.search(complaint.text):
            continue
        for host in foreign_hosts(f"{complaint.text} {complaint.names} {scene.names.get(complaint.service, ('',))[0]}"):
            if any(_changes(host, c.diff) for c in scene.commits):
                # Somebody changed which host is called: that is no matter of the host.
                continue
            # What fails at the host itself fails for those who call it.
            by_host[host] |= {complaint.service} if host not in scene.names.get(complaint.service, ("",))[0] else set()
            by_host[host] |= scene.callers.get(complaint.service, set()) if not by_host[host] else set()
            about[host].append(complaint.key)
    if not by_host:
        return
    host = max(by_host, key=lambda h: (len(by_host[h]), h))
    share = _OWN_DOING if asks_more(scene) else 1.0
    text = f"Calls to {host}, which is not ours, fail."
    yield Outside.PROVIDER, Reason(worth=share * _HOST_WORTH, text=text, about=tuple(about[host]))
    if len(by_host[host]) >= _SERVICES:
        text = f"{len(by_host[host])} services fail on {host}."
        yield Outside.PROVIDER, Reason(worth=share * _ONE_FOR_ALL, text=text, about=tuple(about[host]))


def _changes(host: str, diff: str) -> bool:
    """Whether lines come or go that name a host, and not both."""
    signs = {line[:1] for line in diff.splitlines() if host in line.lower() and line[:1] in "+-"}
    return len(signs) == 1


_SERVER_FAILS = re.compile(
    r"\b5\d\d\b|unavailable|internal ?(server )?error|slow ?down|overloaded|outage|degraded|maintenance", re.IGNORECASE
)


def _others(scene: Scene) -> Iterator[tuple[Outside, Reason]]:
    """What nobody here deploys or changes answers several services, of which none calls another, with errors."""
    folders = {part for c in scene.commits if c.diff for path in c.files for part in path.lower().split("/")[:-1]}
    for uid in sorted(scene.known - {d.uid for d in scene.deploys} - set(scene.subjects)):
        name = scene.names[uid][0]
        if name in folders:
            continue
        telling = [c for c in scene.complaints if c.service != uid and _is_failing(c, name)]
        hit = {c.service for c in telling}
        apart = {s for s in hit if not scene.above(s) & hit}
        if len(hit) >= _SERVICES and len(apart) >= _SERVICES and not asks_more(scene):
            text = f"{len(hit)} services fail on {display_uid(uid)}, which nobody here changed."
            about = tuple(c.key for c in telling)
            yield Outside.PROVIDER, Reason(worth=_HOST_WORTH + _ONE_FOR_ALL, text=text, about=about)


def _is_failing(complaint: Complaint, name: str) -> bool:
    """Whether a complaint tells of errors that something answers, by its name."""
    return _is_named(name, complaint.text) and bool(
        _SERVER_FAILS.search(complaint.text)
        or re.search(
            r"error_ratio|error_rate"
            r"|errors_total",
            complaint.text,
        )
    )


def _is_named(name: str, text: str) -> bool:
    """Whether a text has a name, or the last part of one that names a kind before it, such as `node/a`."""
    bare = name.rsplit("/", 1)[-1]
    return len(bare) > 2 and bool(
        re.search(rf"(?<![a-z0-9]){re.escape(bare)}(?![a-z0-9])", text.lower().replace("_", " "))
    )


def foreign_hosts(text: str) -> list[str]:
    """Return the names of hosts in a text that are neither of a cluster nor names of packages.

    >>> foreign_hosts("POST https://api.pay.example/v1: 503")
    ['api.pay.example']
    >>> foreign_hosts("pay.shop.svc.cluster.local, org.apache.http.io")
    []
    """
    return [host.lower() for host in _HOST.findall(text) if not _OURS.search(host)]


def _surges(scene: Scene) -> Iterator[tuple[Outside, Reason]]:
    found = surge(scene)
    if found is None:
        return
    rise = found.rise
    about = tuple(c.key for c in scene.complaints if c.service == rise.resource and c.text == rise.metric)
    text = f"Requests rose to {rise.factor:.1f} times the usual at {rise.metric}, where they come in."
    worth = _SURGE_WORTH if found.is_from_outside else _SURGE_PERHAPS
    first = min((d for d in scene.departures), key=lambda d: d.since, default=rise)
    if first.since < rise.since - _BEFORE_S:
        # Something else was out of its range long before more came in.
        worth *= _LATER
    yield Outside.SURGE, Reason(worth=worth, text=text, about=about)
    crowd = tuple(c.key for c in scene.complaints if _CROWD.search(c.text))
    if crowd:
        yield Outside.SURGE, Reason(worth=_CROWD_WORTH, text="Log lines tell where the crowd comes from.", about=crowd)


def _run_out(scene: Scene) -> Iterator[tuple[Outside, Reason]]:
    """A measured time to live of a certificate that has come to its end."""
    for series in scene.telemetry.series:
        inside = series.values[(series.times <= scene.onset) & np.isfinite(series.values)]
        if _EXPIRY.search(series.metric) and inside.size > 1 and inside[-1] <= 0 < inside[0]:
            yield Outside.CERTIFICATE, Reason(worth=_RAN_OUT, text=f"{series.metric} came to its end.")


def _notices(scene: Scene, sort: Outside) -> Iterable[Reason]:
    """A status page that tells of trouble: worth more when it names what the complaints name."""
    telling = [n for n in scene.notices if _OUTAGE.search(n.text)]
    if not telling:
        return
    told = {word for c in scene.complaints for word in words_of(c.text)} | words_of(sort.value)
    names = ", ".join(sorted({n.provider for n in telling}))
    is_named = any(not words_of(f"{n.provider} {n.text}").isdisjoint(told) for n in telling)
    yield Reason(
        worth=_NOTICED * (1.0 if is_named else 0.5), text=f"A provider says of itself that it has trouble: {names}."
    )
