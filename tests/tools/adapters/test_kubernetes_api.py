"""Reading a live cluster: what is listed, what is refused, and what each refusal says."""

from __future__ import annotations

import base64
import datetime as dt
import json
import shutil
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from graph.document import Object
from graph.errors import OutsideError, Refused, Unexpected, Unreachable
from graph.resource import Facet
from tests.fakes.kubernetes_api import Answer, FakeKubernetesApi
from tools.adapters.kubernetes_api import KubernetesApi

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def body(kind: str, name: str, *, api_version: str = "v1", namespace: str | None = "shop", **more: object) -> Object:
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata | ({"namespace": namespace} if namespace else {}),
        **more,
    }


def shop() -> FakeKubernetesApi:
    return FakeKubernetesApi(
        objects=[
            body("Namespace", "shop", namespace=None),
            *(body("ConfigMap", f"settings-{i}", data={"n": str(i)}) for i in range(1200)),
            body("Secret", "login", data={"password": base64.b64encode(b"hunter2").decode()}),
            body("Deployment", "cart", api_version="apps/v1", spec={"replicas": 1}),
            body("Widget", "one", api_version="example.com/v9alpha7", spec={}),
            body(
                "Event",
                "cart.1",
                involvedObject={"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart", "namespace": "shop"},
                reason="ScalingReplicaSet",
                message="Scaled up",
                count=3,
                lastTimestamp="2026-11-22T11:59:00Z",
            ),
        ]
    )


def write_kubeconfig(folder: Path, server: str = "http://cluster.test", **user: object) -> Path:
    path = folder / "config"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "demo",
                "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "reader"}}],
                "clusters": [{"name": "demo", "cluster": {"server": server}}],
                "users": [{"name": "reader", "user": user or {"token": "right-token"}}],
            }
        )
    )
    return path


def source(api: FakeKubernetesApi | None, kubeconfig: Path, **more: object) -> KubernetesApi:
    slept: list[float] = []
    return KubernetesApi(
        "cluster:demo",
        kubeconfig=kubeconfig,
        cluster="demo",
        salt=b"salt",
        clock=lambda: NOW,
        transport=api.transport if api else None,
        sleep=slept.append,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("is_aggregated", [True, False], ids=["aggregated discovery", "stepwise discovery"])
def test_lists_every_kind_over_all_pages(tmp_path: Path, is_aggregated: bool) -> None:
    """Kinds known and unknown, namespaced and not, are listed completely; events are no state."""
    api = shop()
    api.is_aggregated = is_aggregated
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    kinds = [d.resource.kind for d in snapshot.documents]
    assert (snapshot.facet, snapshot.complete, snapshot.taken_at) == (Facet.ACTUAL, True, NOW)
    assert kinds.count("ConfigMap") == 1200
    assert {"Namespace", "Deployment", "Secret", "Widget"} <= set(kinds)
    assert "Event" not in kinds
    assert sum("configmaps" in request for request in api.requests) == 3


def test_keeps_no_value_of_a_secret(tmp_path: Path) -> None:
    """The value of a Secret stands nowhere in what was read."""
    snapshot = source(shop(), write_kubeconfig(tmp_path)).read()
    secret = next(d for d in snapshot.documents if d.resource.kind == "Secret")
    assert secret.body["data"]["password"].startswith("hmac-sha256:")
    assert "hunter2" not in repr(snapshot)
    assert base64.b64encode(b"hunter2").decode() not in repr(snapshot)


def test_reads_only_metadata_of_secrets_when_told(tmp_path: Path) -> None:
    """Without permission to read Secrets their values are not even asked for, and no claim is made about them."""
    snapshot = source(shop(), write_kubeconfig(tmp_path), read_secrets=False).read()
    secret = next(d for d in snapshot.documents if d.resource.kind == "Secret")
    assert "data" not in secret.body
    assert [u.resource for u in snapshot.unreadable] == [secret.resource]


def test_names_a_kind_that_is_denied_and_reads_the_rest(tmp_path: Path) -> None:
    """A kind that RBAC denies is named with what to grant; of that kind alone nothing is known."""
    api = shop()
    api.denied = frozenset({"secrets"})
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    assert snapshot.complete
    assert [(u.where, u.reason, u.scopes) for u in snapshot.unreadable] == [
        ("/api/v1/secrets", "user 'reader' may not list secrets: grant `list`", ("k8s://demo/core/Secret/",))
    ]
    assert snapshot.hides("k8s://demo/core/Secret/shop/login")
    assert not snapshot.hides("k8s://demo/core/ConfigMap/shop/login")
    assert any(d.resource.kind == "Deployment" for d in snapshot.documents)


def two_namespaces() -> FakeKubernetesApi:
    api = shop()
    api.objects += [body("Namespace", "ops", namespace=None), body("Secret", "root", namespace="ops")]
    return api


def test_reads_a_denied_kind_in_the_namespaces_that_allow_it(tmp_path: Path) -> None:
    """Where the namespaces are known, only the ones that refuse stay unknown."""
    api = two_namespaces()
    api.denied, api.open_namespaces = frozenset({"secrets"}), frozenset({"shop"})
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    (unread,) = snapshot.unreadable
    assert [d.resource.name for d in snapshot.documents if d.resource.kind == "Secret"] == ["login"]
    assert unread.scopes == ("k8s://demo/core/Secret/ops/",)
    assert "only in shop" in unread.reason
    assert snapshot.complete


def test_every_namespace_that_allows_it_makes_a_kind_complete(tmp_path: Path) -> None:
    """A user who may list a kind in each namespace has seen all of it."""
    api = two_namespaces()
    api.denied, api.open_namespaces = frozenset({"secrets"}), frozenset({"shop", "ops"})
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    assert snapshot.unreadable == ()
    assert len([d for d in snapshot.documents if d.resource.kind == "Secret"]) == 2


@pytest.mark.parametrize("given", ["context", "settings"])
def test_token_of_one_namespace_reads_that_namespace(tmp_path: Path, given: str) -> None:
    """Nothing may be listed cluster-wide, not even namespaces: the declared ones and the context's are tried."""
    api = two_namespaces()
    plurals = {"namespaces", "secrets", "configmaps", "deployments", "widgets", "events"}
    api.denied, api.open_namespaces = frozenset(plurals), frozenset({"shop"})
    kubeconfig = write_kubeconfig(tmp_path)
    if given == "context":
        config = json.loads(kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = "shop"
        kubeconfig.write_text(json.dumps(config))
    reader = source(api, kubeconfig, namespaces=("shop",) if given == "settings" else ())
    snapshot = reader.read()
    assert {d.resource.kind for d in snapshot.documents} == {"ConfigMap", "Secret", "Deployment", "Widget"}
    assert snapshot.complete
    assert not snapshot.hides("k8s://demo/core/Secret/shop/gone")
    assert snapshot.hides("k8s://demo/core/Secret/ops/root")
    assert snapshot.hides("k8s://demo/core/Namespace/-/shop")
    assert [s.reason for s in reader.symptoms(NOW - dt.timedelta(hours=1))] == ["ScalingReplicaSet"]


def test_token_that_may_list_nothing_is_refused(tmp_path: Path) -> None:
    """That is no empty cluster: one line says who may not and what to grant."""
    api = shop()
    api.denied = frozenset({"namespaces", "secrets", "configmaps", "deployments", "widgets"})
    with pytest.raises(Refused, match=r"'reader' may not list anything in cluster 'demo': grant `get` and `list`"):
        source(api, write_kubeconfig(tmp_path)).read()


@pytest.mark.parametrize("is_aggregated", [True, False], ids=["aggregated discovery", "stepwise discovery"])
def test_names_an_api_group_whose_server_is_down(tmp_path: Path, is_aggregated: bool) -> None:
    """An aggregated API that does not answer is named; all others are read."""
    api = shop()
    api.is_aggregated = is_aggregated
    api.broken_groups = frozenset({"example.com"})
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    assert "/apis/example.com/v9alpha7" in [u.where for u in snapshot.unreadable]
    assert snapshot.complete
    assert snapshot.hides("k8s://demo/example.com/Widget/shop/one")
    assert not snapshot.hides("k8s://demo/apps/Deployment/shop/cart")
    assert any(d.resource.kind == "Deployment" for d in snapshot.documents)


@pytest.mark.parametrize("expired", [1, 2], ids=["once", "twice"])
def test_begins_a_list_anew_when_its_pages_expire(tmp_path: Path, expired: int) -> None:
    """Expired pages (410) lose and double nothing."""
    api = shop()
    api.expired_pages = expired
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    names = [d.resource.name for d in snapshot.documents if d.resource.kind == "ConfigMap"]
    assert len(names) == len(set(names)) == 1200
    assert snapshot.complete


def test_waits_as_long_as_a_busy_server_asks(tmp_path: Path) -> None:
    """429 is retried after the time that Retry-After names; 500 with a pause of our own."""
    api = shop()
    api.failures = [Answer(429, {}, {"Retry-After": "7"}), Answer(500, {})]
    slept: list[float] = []
    reader = KubernetesApi(
        "cluster:demo",
        kubeconfig=write_kubeconfig(tmp_path),
        cluster="demo",
        salt=b"salt",
        transport=api.transport,
        sleep=slept.append,
    )
    assert reader.read().complete
    assert slept[0] == 7
    assert len(slept) == 2


def test_gives_up_on_a_server_that_stays_broken(tmp_path: Path) -> None:
    """After some attempts a server that only fails counts as unreachable."""
    api = shop()
    api.failures = [Answer(503, {})] * 50
    with pytest.raises(Unreachable, match="answers 503"):
        source(api, write_kubeconfig(tmp_path)).read()


def test_never_repeats_a_wrong_token(tmp_path: Path) -> None:
    """Wrong credentials end at once with one line that names server, user and what to do, but not the token."""
    api = shop()
    with pytest.raises(Refused) as caught:
        source(api, write_kubeconfig(tmp_path, token="stolen-token")).read()
    message = str(caught.value)
    assert len(api.requests) == 1
    assert "cluster.test" in message
    assert "'reader'" in message
    assert "renew" in message
    assert "stolen-token" not in message
    assert "\n" not in message


def test_reads_events_as_symptoms(tmp_path: Path) -> None:
    """Events after the given time are told of the object they are about."""
    api = shop()
    reader = source(api, write_kubeconfig(tmp_path))
    found = reader.symptoms(NOW - dt.timedelta(hours=1))
    assert [(s.resource, s.reason, s.count, s.text) for s in found] == [
        ("k8s://demo/apps/Deployment/shop/cart", "ScalingReplicaSet", 3, "Scaled up")
    ]
    assert reader.symptoms(NOW) == []


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, Unreachable, "no kubeconfig at"),
        ("{", Unexpected, "can't be read"),
        ("[]", Unexpected, "no mapping"),
        ("{}", Unexpected, "no current context"),
        ("current-context: gone", Unexpected, "no context 'gone'; it has: none"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
            Unexpected,
            "no server URL",
        ),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
            "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin}}}]",
            Refused,
            "'no-such-plugin' can't be started",
        ),
    ],
    ids=["missing", "no YAML", "no mapping", "empty", "unknown context", "no server", "plug-in missing"],
)
def test_says_what_is_wrong_with_a_kubeconfig(
    tmp_path: Path, content: str | None, error: type[OutsideError], words: str
) -> None:
    """Each defect of a kubeconfig gives one line that names the file and the defect."""
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error) as caught:
        source(None, path).read()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_takes_the_token_of_a_credential_plug_in(tmp_path: Path) -> None:
    """A plug-in that prints an ExecCredential gives the token."""
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\necho \'{"kind":"ExecCredential","status":{"token":"right-token"}}\'\n')
    plugin.chmod(0o700)
    kubeconfig = write_kubeconfig(
        tmp_path, exec={"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}
    )
    assert source(shop(), kubeconfig).read().complete


def test_reads_over_a_real_connection(tmp_path: Path) -> None:
    """The adapter speaks HTTP, not only to a double of the transport."""
    with shop().serve() as url:
        assert len(source(None, write_kubeconfig(tmp_path, url)).read().documents) == 1204


def test_says_that_nobody_answers(tmp_path: Path) -> None:
    """A port on which nothing listens gives one line with the address."""
    with shop().serve() as url:
        pass
    with pytest.raises(Unreachable, match=url.replace(".", r"\.")):
        source(None, write_kubeconfig(tmp_path, url)).read()


def test_says_that_the_certificate_does_not_verify(tmp_path: Path) -> None:
    """A server whose certificate no known authority signed is not spoken to."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*_self_signed(tmp_path))
    with shop().serve(tls) as url, pytest.raises(Refused, match="certificate-authority"):
        source(None, write_kubeconfig(tmp_path, url)).read()


def _self_signed(folder: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with: apt-get install openssl")
    certificate, key = folder / "server.crt", folder / "server.key"
    options = ["-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, "req", *options, *files], check=True, capture_output=True)
    return certificate, key


@pytest.mark.shared
def test_reads_a_recorded_cluster(tmp_path: Path, shared: Path) -> None:
    """All objects of a dump of a real cluster come through the API as they came out of it."""
    api = FakeKubernetesApi.from_dump(shared / "data/k8s-live/live-0-untouched.json.gz")
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    assert snapshot.complete
    assert len(snapshot.documents) == len([o for o in api.objects if o["kind"] not in {"Event", "Lease"}])


def test_a_server_without_events_has_no_symptoms(tmp_path: Path) -> None:
    """That a server keeps no events is no failure to read it."""
    api = FakeKubernetesApi(objects=[body("ConfigMap", "settings", data={})])
    assert source(api, write_kubeconfig(tmp_path)).symptoms(NOW - dt.timedelta(hours=1)) == ()


def test_server_without_the_core_group_is_read_and_the_group_is_a_gap(tmp_path: Path) -> None:
    """A control plane of custom kinds has none (apiextensions-apiserver 1.36); a proxy that hides it looks the same."""
    api = FakeKubernetesApi(objects=[body("Widget", "one", api_version="example.com/v1", spec={})])
    api.failures = [Answer(404, {"kind": "Status", "message": "the server could not find the requested resource"})]
    snapshot = source(api, write_kubeconfig(tmp_path)).read()
    assert [d.resource.kind for d in snapshot.documents] == ["Widget"]
    assert [(u.where, u.scopes) for u in snapshot.unreadable] == [("/api", ("k8s://demo/core/",))]


def test_server_without_any_group_is_none(tmp_path: Path) -> None:
    """Nothing that answers without `/apis` is a Kubernetes API server."""
    api = shop()
    api.failures = [Answer(404, {"kind": "Status"}), Answer(404, {"kind": "Status"})]
    with pytest.raises(Unexpected, match="is this a Kubernetes API server"):
        source(api, write_kubeconfig(tmp_path)).read()


@pytest.mark.parametrize(
    ("path", "is_aggregated", "scope"),
    [
        ("/apis/example.com/v9alpha7/widgets", True, "k8s://demo/example.com/Widget/"),
        ("/apis/example.com/v9alpha7", False, "k8s://demo/example.com/"),
    ],
    ids=["kind", "group"],
)
def test_what_is_named_and_not_found_is_a_gap(tmp_path: Path, path: str, is_aggregated: bool, scope: str) -> None:
    """While a definition changes, its objects are not found for a moment; nobody deleted them."""
    api = shop()
    api.is_aggregated = is_aggregated

    class Changing(FakeKubernetesApi):
        def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
            return Answer(404, {}) if target.partition("?")[0] == path else api.answer(target, headers)

    source = KubernetesApi(
        "live",
        kubeconfig=write_kubeconfig(tmp_path),
        cluster="demo",
        salt=b"salt",
        transport=Changing(objects=[]).transport,
    )
    snapshot = source.read()
    assert [u.scopes for u in snapshot.unreadable] == [(scope,)]
    assert not any(d.resource.kind == "Widget" for d in snapshot.documents)
    assert any(d.resource.kind == "Deployment" for d in snapshot.documents)
