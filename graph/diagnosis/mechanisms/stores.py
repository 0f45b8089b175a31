"""Data stores that refuse their clients, told from clients that ask wrongly.

A store that refuses one of many clients is right, and that client is set up wrongly. A store that refuses all is wrong.
Texts are those of the servers and of common drivers: MySQL, PostgreSQL, Redis, MongoDB, RabbitMQ, SQL Server.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.peers import odd_settings
from graph.diagnosis.mechanisms.resolution import NOT_RESOLVED
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.storehouse import is_store, store_of, stores
from graph.document import Object
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import text
from graph.phrases import Phrases

CREDENTIALS = Phrases(
    r"access denied for user|password authentication failed|authentication (failed|failure)|auth(entication)? error"
    r"|invalid (username|user name|password|credentials)|WRONGPASS|NOAUTH|NOPERM|login failed for user"
    r"|role \"[^\"]+\" does not exist|ACCESS_REFUSED|SCRAM|no password supplied|client sent AUTH, but no password"
    r"|ER_ACCESS_DENIED_ERROR|\bSQLState: 28000|\(1045|error 1045",
)
SERVER_FULL = Phrases(
    r"too many connections|too many clients|remaining connection slots|max(imum)? number of (clients|connections)"
    r"|connection limit exceeded|max_user_connections|max_connections_per_hour|ER_CON_COUNT_ERROR|error 1040|\(1040"
    r"|too many open connections|connection_limit|sorry, too many|\bSQLState: (08004|53300)",
)
"""The data store itself says that it takes no more."""
POOL_EMPTY = Phrases(
    r"Connection is not available, request timed out|pool (is )?exhausted|QueuePool limit|pool error Timeout"
    r"|timeout waiting for (idle )?(conn|object)|ResourceRequest timed out|Unable to acquire JDBC Connection"
    r"|Cannot get a connection, pool|ConnectionPoolTimeout|WaitQueueTimeout|TimeoutError: ResourceRequest"
    r"|Could not get a resource from the pool|remaining acquire timeout",
)
"""The client's own pool is empty."""
READ_ONLY = Phrases(
    r"--(super-)?read-only option|read[- ]only transaction|database is (in )?read[- ]only|READONLY You can't write"
    r"|cannot execute \w+( \w+)? in a read-only|ERROR 1290|\(1290|ER_OPTION_PREVENTS_STATEMENT|error 1290"
    r"|super_read_only|NotWritablePrimary|not (master|primary)\b|Connection is read-only|innodb_read_only"
    r"|\bSQLState: 25006|attempt to write a readonly database",
)
NO_STORE = Phrases(
    r"communications link failure|could not connect to (server|redis|mongo)|can't connect to (\w+ )?(mysql )?server"
    r"|connection to server at|Unable to connect to Redis|ServerSelectionTimeout|No servers (available|found)"
    r"|Connection to \S+:\d+ refused|AMQPConnection|error: 2003|\(2003|\(2002|ER_SOCKET"
    r"|dial tcp \S+:(1433|1521|3306|5432|5672|6379|9042|27017)\b|ECONNREFUSED \S+:(3306|5432|6379|27017|5672)",
)
_DENIED_TO = re.compile(r"access denied for user '[^']*'@'(?P<ip>\d+\.\d+\.\d+\.\d+)'", re.IGNORECASE)
_MOST_WAIT = 3
"""From this many clients that a store refuses, the store is what is wrong."""


def refusing(scene: Scene) -> Iterator[Mechanism]:
    """Yield stores that refuse clients, and clients that a store refuses."""
    clients = [w for w in scene.workloads if not is_store(scene, w)]
    yield from _credentials(scene, clients)
    yield from _unreachable(scene, clients)
    yield from _empty_pools(scene, clients)
    for pattern, kind, what in (
        (SERVER_FULL, "store_connections_exhausted", "takes no more connections"),
        (READ_ONLY, "store_read_only", "is read-only"),
    ):
        yield from _of_store(scene, clients, pattern, kind, what)


def line(scene: Scene, uid: str, pattern: re.Pattern[str] | Phrases) -> SymptomEvent | None:
    """The last line of a workload's log that a pattern fits."""
    found = [e for e in scene.said(uid, kind=ObservationKind.LOG) if pattern.search(e.text)]
    return max(found, key=lambda e: (e.at.timestamp() if e.at else 0.0, e.count), default=None)


def _credentials(scene: Scene, clients: Sequence[Workload]) -> Iterator[Mechanism]:
    refused = {w.uid: e for w in clients if not scene.works(w) and (e := line(scene, w.uid, CREDENTIALS))}
    for uid, event in _told_by_stores(scene):
        refused.setdefault(uid, event)
    what = "is refused by its data store: wrong credentials"
    for workload in clients:
        if workload.uid in refused:
            said = Sign(text="Its data store refuses what it presents.", event=refused[workload.uid])
            odd = _odd(scene, workload, ("user", "username", "password", "passwd", "pass"))
            yield _client(workload, "store_credentials_refused", what, (said, *odd), 0.95)
        elif not scene.works(workload) and (odd := _odd(scene, workload, ("password", "user", "username"))):
            yield _client(workload, "store_credentials_refused", what, odd, 0.5)


def _told_by_stores(scene: Scene) -> Iterator[tuple[str, SymptomEvent]]:
    """Yield (client, line) of what stores say of clients that they refused, by the address of a pod that runs now."""
    homes = {
        text(p.body, "status", "podIP"): (w.uid, _began(p.body)) for w in scene.everything for p in scene.pods(w.uid)
    }
    for store in stores(scene):
        for event in scene.said(store.uid, kind=ObservationKind.LOG):
            found = _DENIED_TO.search(event.text)
            uid, began = homes.get(found["ip"], ("", None)) if found else ("", None)
            # An address is given to another pod later: an older line is about somebody else.
            if uid and event.at is not None and began is not None and event.at >= began:
                yield uid, event


def _began(pod: Object) -> datetime | None:
    try:
        began = datetime.fromisoformat(text(pod, "status", "startTime"))
    except ValueError:
        return None
    return began if began.tzinfo else began.replace(tzinfo=UTC)


def _unreachable(scene: Scene, clients: Sequence[Workload]) -> Iterator[Mechanism]:
    lost = {w.uid: e for w in clients if not scene.works(w) and (e := line(scene, w.uid, NO_STORE))}
    for workload in clients:
        odd = () if scene.works(workload) else _odd(scene, workload, ("port",))
        event = lost.get(workload.uid)
        if event is None and not odd:
            continue
        if event is not None and not odd and NOT_RESOLVED.search(event.text):
            continue  # Its name does not even resolve: that is another fault.
        store = store_of(scene, workload)
        what = "can't reach its data store: check its address and port"
        said = (Sign(text="It says that its data store does not answer.", event=event),) if event else ()
        strength = 0.9 if odd and event else 0.8 if event else 0.5
        if store is not None and not scene.works(store):
            strength = 0.3  # The store is down: that is the reason.
        elif len(lost) >= _MOST_WAIT:
            strength = 0.4  # What many can't reach is not a setting of one.
        yield _client(workload, "store_unreachable", what, (*said, *odd), strength)


def _odd(scene: Scene, workload: Workload, words: tuple[str, ...]) -> tuple[Sign, ...]:
    """Signs that settings of a workload differ from what all others like it have."""
    found = [s for s in odd_settings(scene, workload) if s.name.lower().endswith(words)]
    return tuple(
        Sign(text=f"Its setting {s.name} differs from what {s.peers} others have.", uid=s.uid, path=s.path)
        for s in found[:2]
    )


def _empty_pools(scene: Scene, clients: Sequence[Workload]) -> Iterator[Mechanism]:
    """Pools run dry for one client by itself; those of many run dry when their store does not serve."""
    dry = [(w, e) for w in clients if (e := line(scene, w.uid, POOL_EMPTY)) and not line(scene, w.uid, SERVER_FULL)]
    what = "gets no connection to its data store: its own pool is empty"
    store = store_of(scene, dry[0][0]) if len(dry) >= _MOST_WAIT else None
    if store is not None:
        yield _store(store, "store_connections_exhausted", "gives no more connections", dry, 0.8)
        return
    for workload, event in dry:
        said = Sign(text="It waits for a free connection in vain.", event=event)
        yield _client(workload, "store_connections_exhausted", what, (said,), 0.7)


def _of_store(scene: Scene, clients: Sequence[Workload], pattern: Phrases, kind: str, what: str) -> Iterator[Mechanism]:
    """What stores say themselves, by failing probes or in their log, and what their clients say of them."""
    blamed: dict[str, list[tuple[Workload, SymptomEvent]]] = defaultdict(list)
    for store in stores(scene):
        events = [e for e in scene.events(store.uid, "Unhealthy") if pattern.search(e.text) and scene.is_fresh(e)]
        if events:
            blamed[store.uid].append((store, events[0]))
    for client in clients:
        event = line(scene, client.uid, pattern)
        if event is not None and not _is_about_files(event.text):
            found = store_of(scene, client, said=event.text)
            blamed[found.uid if found else client.uid].append((client, event))
    known = {w.uid: w for w in scene.everything}
    for uid, heard in blamed.items():
        yield _store(known[uid], kind, what, heard, 0.95)


def _is_about_files(said: str) -> bool:
    return "read-only file system" in said.lower()


def _client(workload: Workload, kind: str, what: str, signs: tuple[Sign, ...], strength: float) -> Mechanism:
    summary = f"{workload.document.resource.display} {what}."
    return Mechanism(resource=workload.uid, kind=kind, summary=summary, signs=signs, strength=strength)


def _store(
    store: Workload, kind: str, what: str, heard: Sequence[tuple[Workload, SymptomEvent]], strength: float
) -> Mechanism:
    name = store.document.resource.display
    others = [w for w, _ in heard if w.uid != store.uid]
    told = f"; {len(others)} of its clients say so" if others else ""
    signs = tuple(
        Sign(text=f"{w.document.resource.display} says that the data store {what}.", event=e) for w, e in heard[:3]
    )
    stops = tuple(w.uid for w in others)
    return Mechanism(
        resource=store.uid,
        kind=kind,
        summary=f"The data store {name} {what}{told}.",
        signs=signs,
        strength=strength,
        stops=stops,
    )
