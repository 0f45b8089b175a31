"""Faults of a MySQL server and of the credentials and addresses that its clients are given."""

from __future__ import annotations

import random
import re

from evals.transplant.faults import Fault
from evals.transplant.tape import Manifest, Tape

_FRAMES = "\tat com.mysql.cj.jdbc.ConnectionImpl.createNewIO(ConnectionImpl.java:825)"


def _secret_setting(tape: Tape, app: str, suffix: str, value: str) -> bool:
    done: list[str] = []

    def edit(document: Manifest) -> None:
        for key in document.get("stringData") or {}:
            if key.endswith(suffix):
                document["stringData"][key] = value
                done.append(key)

    tape.apply(app, edit, kind="Secret")
    for document in tape.manifests(app):
        if document["kind"] == "Secret":
            tape.drop("secrets", document["metadata"]["name"])
    return bool(done)


def _crash(tape: Tape, app: str, *lines: str) -> None:
    rows = [("BackOff", f"Back-off restarting failed container in pod {app}")]
    tape.waiting(app, "CrashLoopBackOff", rows, last="Error", restarts=5)
    tape.log(app, *lines, _FRAMES)


def credentials(tape: Tape, app: str, rng: random.Random) -> str | None:
    if not _secret_setting(tape, app, rng.choice(["_PASSWORD", "_USER"]), "wrong-1"):
        return None
    line = rng.choice(
        [
            "java.sql.SQLException: Access denied for user 'ts'@'172.20.1.36' (using password: YES)",
            "(1045, \"Access denied for user 'ts'@'172.20.1.36' (using password: YES)\")",
            "SQL Error: 1045, SQLState: 28000",
            "Error: ER_ACCESS_DENIED_ERROR: Access denied for user 'ts'@'172.20.1.36'",
        ]
    )
    _crash(tape, app, line)
    return "store_credentials_refused"


def port(tape: Tape, app: str, rng: random.Random) -> str | None:
    if not _secret_setting(tape, app, "_PORT", str(rng.choice([3307, 33060, 5432, 13306]))):
        return None
    line = rng.choice(
        [
            "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure\nCaused by: "
            "java.net.ConnectException: Connection refused (Connection refused)",
            "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'tsdb-mysql' (timed out)\")",
            "Communications link failure\nThe last packet sent successfully to the server was 0 milliseconds ago. "
            "Caused by: java.net.SocketTimeoutException: connect timed out",
        ]
    )
    _crash(tape, app, line)
    return "store_unreachable"


def _clients(tape: Tape, rng: random.Random, most: int) -> list[str]:
    found = [a for a in tape.apps() if any(d["kind"] == "Secret" for d in tape.manifests(a))]
    return rng.sample(found, min(most, len(found)))


def _store_app(tape: Tape, app: str) -> bool:
    """Stores have no manifest; their faults are tried once, with the first application."""
    return app == tape.apps()[0] and "tsdb-mysql" in tape.names(
        "DescribeResource", "name", resource_type="statefulsets"
    )


def full(tape: Tape, app: str, rng: random.Random) -> str | None:
    clients = _clients(tape, rng, 6)
    if not clients or not _store_app(tape, app):
        return None
    for client in clients:
        line = rng.choice(
            [
                "java.sql.SQLNonTransientConnectionException: Data source rejected establishment of connection,  "
                'message from server: "Too many connections"',
                "SQL Error: 1040, SQLState: 08004",
                "Error: ER_CON_COUNT_ERROR: Too many connections",
                "User 'ts' has exceeded the 'max_user_connections' resource (current value: 5)",
            ]
        )
        if rng.random() < 0.5:
            _crash(tape, client, line)
        else:
            tape.log(client, line)
    return "store_connections_exhausted@tsdb-mysql"


def dry(tape: Tape, app: str, rng: random.Random) -> str | None:
    clients = _clients(tape, rng, 6)
    if not clients or not _store_app(tape, app):
        return None
    for client in clients:
        tape.log(client, "HikariPool-1 - Connection is not available, request timed out after 30000ms.")
    return "store_connections_exhausted@tsdb-mysql"


def read_only(tape: Tape, app: str, rng: random.Random) -> str | None:
    clients = _clients(tape, rng, 4)
    if not clients or not _store_app(tape, app):
        return None
    for client in clients:
        option = rng.choice(["--read-only", "--super-read-only"])
        line = rng.choice(
            [
                f"java.sql.SQLException: The MySQL server is running with the {option} option so it cannot execute "
                "this statement",
                f"(1290, 'The MySQL server is running with the {option} option so it cannot execute this statement')",
                "SQL Error: 1290, SQLState: HY000",
            ]
        )
        tape.log(client, line)
    return "store_read_only@tsdb-mysql"


def route(tape: Tape, app: str, rng: random.Random) -> str | None:
    """A gateway with routes in its environment, one of which leads to another backend."""
    if "gateway" not in app:
        return None
    names = [a for a in tape.apps() if a.endswith("-service") and a != app]
    one, other = rng.sample(names, 2)
    stem = re.sub(r"[^a-z0-9]|^ts-", "", one)
    wrong = rng.choice([f"lb://{other}", f"lb://{one}-old", f"http://{one}:1"])
    extra = [
        {"name": "SPRING_CLOUD_GATEWAY_ROUTES_0_ID", "value": one},
        {"name": "SPRING_CLOUD_GATEWAY_ROUTES_0_URI", "value": wrong},
        {"name": "SPRING_CLOUD_GATEWAY_ROUTES_0_PREDICATES_0", "value": f"Path=/api/v1/{stem.removeprefix('ts')}/**"},
    ]
    tape.container(app, lambda c: c.setdefault("env", []).extend(extra))
    return "route_mismatch"


STORE_FAULTS: dict[str, Fault] = {
    "MySQL credentials": credentials,
    "MySQL port": port,
    "MySQL connections": full,
    "MySQL pools": dry,
    "MySQL read-only": read_only,
    "gateway route": route,
}
