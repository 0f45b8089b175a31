"""A store that refuses one client is right about it; one that refuses all is wrong."""

from __future__ import annotations

import pytest

from graph.document import Object
from tests.graph.builders import k8s, manifest, service, workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, event, everything, found, line, pod

DB = k8s("StatefulSet", "shopdb")
OTHER = k8s("StatefulSet", "registry-db")
CLIENTS = ("shop-a", "shop-b", "shop-c", "shop-d", "shop-e")
CRASH = {"waiting": {"reason": "CrashLoopBackOff"}}


def store(name: str, **container: object) -> Object:
    ports = {"ports": [{"containerPort": 3306}], **container}
    return workload(name, kind="StatefulSet", image="percona:5.7", container=ports, ready=2)


def client(name: str, *, port: str = "hmac-sha256:01", password: str = "hmac-sha256:02") -> list[Object]:
    """A workload whose connection is set in a Secret, as hashes."""
    key = name.replace("-", "_").upper()
    secret = manifest("Secret", f"{name}-db", data={f"{key}_DB_PORT": port, f"{key}_DB_PASSWORD": password})
    container = {"envFrom": [{"secretRef": {"name": f"{name}-db"}}]}
    return [workload(name, replicas=1, ready=1, container=container), secret]


def cluster(*down: str, **odd: str) -> list[Object]:
    objects = [store("shopdb"), store("registry-db")]
    for name in CLIENTS:
        objects += client(name, **(odd if name == CLIENTS[0] else {}))
        objects.append(pod(name, ready=name not in down, state=CRASH if name in down else {"running": {}}))
    return objects


FULL = [
    'Data source rejected establishment of connection, message from server: "Too many connections"',
    "FATAL: sorry, too many clients already",
    "FATAL: remaining connection slots are reserved for non-replication superuser connections",
    "ERR max number of clients reached",
    "Error: ER_CON_COUNT_ERROR: Too many connections",
    "User 'app' has exceeded the 'max_user_connections' resource (current value: 5)",
]
READ_ONLY = [
    "The MySQL server is running with the --super-read-only option so it cannot execute this statement",
    "ERROR: cannot execute INSERT in a read-only transaction",
    "READONLY You can't write against a read only replica.",
    "(1290, 'The MySQL server is running with the --read-only option')",
    "NotWritablePrimary: not primary",
]
REFUSED = [
    "java.sql.SQLException: Access denied for user 'app'@'10.0.0.9' (using password: YES)",
    'FATAL: password authentication failed for user "app"',
    "WRONGPASS invalid username-password pair or user is disabled.",
    "MongoServerError: Authentication failed.",
    "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN",
]
LOST = [
    "Communications link failure\nCaused by: java.net.ConnectException: Connection refused",
    'could not connect to server: Connection refused\n\tIs the server running on host "db" and accepting',
    "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'db'\")",
    "Unable to connect to Redis; nested exception is io.lettuce.core.RedisConnectionException",
    "dial tcp 10.0.0.3:5432: connect: connection refused",
]


@pytest.mark.parametrize("text", FULL)
def test_a_store_without_room_is_blamed_and_not_its_clients(text: str) -> None:
    """The client whose name begins like the store's means that store."""
    said = [line(k8s("Deployment", c), text) for c in CLIENTS[:3]]
    assert found(cluster(), said) == {"store_connections_exhausted": DB}


@pytest.mark.parametrize("text", READ_ONLY)
def test_a_store_that_takes_no_writes_is_blamed(text: str) -> None:
    """Clients keep running and complain."""
    assert found(cluster(), [line(k8s("Deployment", "shop-b"), text)]) == {"store_read_only": DB}


@pytest.mark.parametrize("text", REFUSED)
def test_a_client_that_is_refused_alone_presents_the_wrong_thing(text: str) -> None:
    """The store serves all others."""
    said = [line(k8s("Deployment", "shop-a"), text)]
    assert found(cluster("shop-a"), said) == {"store_credentials_refused": k8s("Deployment", "shop-a")}


@pytest.mark.parametrize("text", LOST)
def test_a_client_that_alone_reaches_no_store_asks_at_the_wrong_place(text: str) -> None:
    """The store serves all others."""
    said = [line(k8s("Deployment", "shop-a"), text)]
    assert found(cluster("shop-a"), said).get("store_unreachable") == k8s("Deployment", "shop-a")


def test_a_setting_that_differs_from_all_peers_is_found_without_any_log() -> None:
    """Secret values are compared as hashes; what differs is only looked at where something does not work."""
    assert found(cluster("shop-a", port="hmac-sha256:99")) == {"store_unreachable": k8s("Deployment", "shop-a")}
    assert found(cluster("shop-a", password="hmac-sha256:99"))["store_credentials_refused"] == k8s(
        "Deployment", "shop-a"
    )
    assert found(cluster(port="hmac-sha256:99")) == {}


def test_many_clients_that_reach_no_store_are_not_all_set_up_wrongly() -> None:
    """What is common to them is elsewhere; each by itself is then unlikely."""
    down = CLIENTS[:4]
    said = [line(k8s("Deployment", c), LOST[0]) for c in down]
    many = [m for m in everything(cluster(*down), said) if m.kind == "store_unreachable"]
    assert max(m.strength for m in many) < 0.5


def test_an_unresolved_name_is_no_closed_port() -> None:
    """The driver wraps both in the same words; the innermost reason counts."""
    text = "Communications link failure\nCaused by: java.net.UnknownHostException: shopdb: Name or service not known"
    kinds = found(cluster("shop-a"), [line(k8s("Deployment", "shop-a"), text)])
    assert kinds["dns_failure"] == k8s("Deployment", "shop-a")
    assert "store_unreachable" not in kinds


def test_the_store_that_an_address_names_is_meant() -> None:
    """Better than any likeness of names: the host in the settings is a Service of that store."""
    speaker = workload("shop-x", replicas=1, ready=1, env={"DB_HOST": "registry-db", "DB_PORT": "3306"})
    objects = [*cluster(), speaker, pod("shop-x"), service("registry-db")]
    said = [line(k8s("Deployment", "shop-x"), FULL[0])]
    assert found(objects, said)["store_connections_exhausted"] == OTHER


def test_a_store_with_the_same_secret_is_meant() -> None:
    """Who knows a store's password is its client."""
    holder = store("registry-db", env=[_password("registry-root", "pw")])
    objects = [*cluster()[2:], store("shopdb"), holder]
    objects.append(manifest("Secret", "registry-root", data={"pw": "hmac-sha256:77"}))
    objects += [*client("shop-x", password="hmac-sha256:77"), pod("shop-x")]
    said = [line(k8s("Deployment", "shop-x"), READ_ONLY[0])]
    assert found(objects, said)["store_read_only"] == OTHER


def _password(secret: str, key: str) -> Object:
    return {"name": "MYSQL_ROOT_PASSWORD", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def test_a_failing_probe_of_a_store_tells_by_itself() -> None:
    """The store's own probe can't get a connection either."""
    uid = k8s("StatefulSet", "shopdb")
    said = [event(uid, "Unhealthy", "Readiness probe failed: ERROR 1040 (HY000): Too many connections")]
    assert found(cluster(), said)["store_connections_exhausted"] == DB


def test_a_store_tells_which_pod_it_refused_now_and_not_whom_it_refused_before() -> None:
    """Addresses are given to other pods later: a line older than the pod is about another one."""
    mine = pod("shop-a", ready=False, state=CRASH)
    mine["status"] |= {"podIP": "10.0.0.9", "startTime": "2026-11-20T11:50:00+00:00"}
    objects = [o for o in cluster() if o["metadata"]["name"] != "shop-a-1"] + [mine]
    text = "[Note] Access denied for user 'app'@'10.0.0.9' (using password: YES)"
    now = line(DB, text)
    assert found(objects, [now])["store_credentials_refused"] == k8s("Deployment", "shop-a")
    before = type(now)(kind=now.kind, resource=DB, at=NOW.replace(hour=9), text=text)
    assert "store_credentials_refused" not in found(objects, [before])


def test_one_dry_pool_is_the_clients_and_many_are_the_stores() -> None:
    """A pool is a setting of its client, unless all run dry at once."""
    text = "HikariPool-1 - Connection is not available, request timed out after 30000ms."
    one = found(cluster(), [line(k8s("Deployment", "shop-b"), text)])
    many = found(cluster(), [line(k8s("Deployment", c), text) for c in CLIENTS])
    assert one == {"store_connections_exhausted": k8s("Deployment", "shop-b")}
    assert many == {"store_connections_exhausted": DB}


def test_a_read_only_file_system_is_no_read_only_store() -> None:
    """The words are alike, the reason is another one."""
    said = [line(k8s("Deployment", "shop-b"), "open /etc/x: read-only file system")]
    assert "store_read_only" not in found(cluster(), said)
