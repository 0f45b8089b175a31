"""Watching a cluster over HTTP: whatever happens to the connection, what is told in the end is what is so."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from graph.document import Object
from graph.errors import Refused, Unreachable
from graph.version import Delta
from tests.tools.adapters.test_kubernetes_api import body
from tests.tools.adapters.watching import ANN, Listener, listening
from tools.actions.simulated_cluster.api_server import key_of
from tools.actions.simulated_cluster.served import ServedCluster
from tools.adapters.kubernetes_follower import Pace

UID = "k8s://demo/core/ConfigMap/shop/settings"


def settings(value: str, name: str = "settings") -> Object:
    return body("ConfigMap", name, data={"timeout": value})


def shop(**more: object) -> ServedCluster:
    objects = [body("Namespace", "shop", namespace=None), settings("1s")]
    objects += [body("Secret", "login", data={"password": base64.b64encode(b"hunter2").decode()})]
    objects += [body("Deployment", "cart", api_version="apps/v1", spec={"replicas": 1})]
    return ServedCluster(objects, **more)  # type: ignore[arg-type]


def apply(cluster: ServedCluster, manifest: Object) -> None:
    """Do what a person does with kubectl."""
    with cluster.store.changed:
        cluster.api.apply(manifest, by=ANN, at=datetime.now(UTC))


def write(cluster: ServedCluster, value: str, name: str = "settings") -> None:
    """Write a ConfigMap."""
    apply(cluster, settings(value, name))


def _holds(heard: Listener, value: str) -> bool:
    return bool(heard.bodies[UID]["data"]["timeout"] == value)


def delete(cluster: ServedCluster, name: str = "settings") -> None:
    with cluster.store.changed:
        cluster.api.delete(key_of(settings("", name)), by=ANN, at=datetime.now(UTC))


def test_changes_are_told_as_they_happen(tmp_path: Path) -> None:
    """What is new, changed and gone, without listing anything again."""
    cluster = shop()
    with listening(cluster, tmp_path) as (source, heard):
        assert heard.names() == ["cart", "login", "settings", "shop"]
        write(cluster, "2s")
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "2s"})
        write(cluster, "1s", "other")
        heard.until(lambda: "other" in heard.names())
        delete(cluster)
        heard.until(lambda: UID not in heard.bodies)
        assert source.counts["listed"] == 0
    assert heard.snapshots() == 1
    assert all(d.since is not None and d.since < d.at for d in heard.deltas())


def test_no_value_of_a_secret_is_told(tmp_path: Path) -> None:
    """Neither from the list nor from an event."""
    cluster = shop()
    with listening(cluster, tmp_path) as (_, heard):
        secret = body("Secret", "login", data={"password": base64.b64encode(b"hunter3").decode()})
        apply(cluster, secret)
        heard.until(lambda: heard.deltas())
    told = repr(heard.heard)
    assert not any(base64.b64encode(v).decode() in told or v.decode() in told for v in (b"hunter2", b"hunter3"))


@pytest.mark.parametrize("is_half", [False, True], ids=["between lines", "in the middle of a line"])
def test_watch_that_is_cut_goes_on_where_it_ended(tmp_path: Path, is_half: bool) -> None:
    """What is written meanwhile is told, and nothing is listed again."""
    cluster = shop()
    with listening(cluster, tmp_path) as (source, heard):
        for round in range(3):
            cluster.cut(in_the_middle_of_a_line=is_half)
            value = f"{round + 2}s"
            write(cluster, value)
            heard.until(partial(_holds, heard, value))
        assert source.counts["listed"] == source.counts["malformed"] == 0


def test_kind_whose_version_is_too_old_is_listed_again(tmp_path: Path) -> None:
    """That kind alone; what was changed, made and deleted while nobody watched is told as a difference."""
    cluster = shop()
    write(cluster, "1s", "doomed")
    with listening(cluster, tmp_path) as (source, heard):
        with cluster.store.changed:
            cluster.cut()
            write(cluster, "9s")
            write(cluster, "1s", "other")
            delete(cluster, "doomed")
            cluster.store.forget()
        heard.until(lambda: heard.bodies[UID]["data"]["timeout"] == "9s")
        assert heard.names() == ["cart", "login", "other", "settings", "shop"]
        assert source.counts["too_old"] >= 1
        told = [d.resource.uid for delta in heard.deltas() for d in delta.documents]
    assert heard.snapshots() == 1
    assert sorted(told) == [UID.replace("settings", "other"), UID]


def test_answer_410_to_the_request_counts_as_too_old(tmp_path: Path) -> None:
    """Some servers say it by the status, not by an event."""
    cluster = shop()
    with listening(cluster, tmp_path) as (source, heard):
        cluster.faults.refusal = 410
        cluster.cut()
        heard.until(lambda: source.counts["too_old"] > 3)
        cluster.faults.refusal = None
        write(cluster, "2s")
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "2s"})


def test_line_that_is_no_event_costs_one_list(tmp_path: Path) -> None:
    """It may have told of a change: it is counted, its kind is listed again, and the watch goes on."""
    cluster = shop()
    with listening(cluster, tmp_path) as (source, heard):
        heard.until(lambda: cluster.open_watches == 4)
        cluster.faults.is_mute = True
        write(cluster, "2s")  # the event that is lost
        cluster.faults.lines.append(b'{"type":"MODIFIED","object":{"metadata":\n')
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "2s"})
        cluster.faults.is_mute = False
        write(cluster, "3s")
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "3s"})
        heard.until(lambda: not heard.unreadable)
        assert source.counts["malformed"] >= 1


def test_events_nobody_understands_stay_named(tmp_path: Path) -> None:
    """A server that sends them again and again is not listed without end; what is lost is told with its number."""
    cluster = shop()
    with listening(cluster, tmp_path) as (source, heard):
        heard.until(lambda: cluster.open_watches == 4)
        cluster.faults.lines.append(b'{"type":"MODIFIED","object":{"metadata":\n')
        heard.until(lambda: source.counts["listed"] == cluster.open_watches == 4)
        cluster.faults.lines += [b"\xff\xfe\n", b"[]\n"]
        heard.until(lambda: sum("2 events could not be read" in u.reason for u in heard.unreadable) == 4)
        assert source.counts["listed"] == 4
        assert "k8s://demo/core/ConfigMap/" in {s for u in heard.unreadable for s in u.scopes}


def test_kinds_that_appear_while_it_runs_are_watched(tmp_path: Path) -> None:
    """A custom resource of a version that nobody has seen before is a resource like any other."""
    cluster = shop()
    crd = body("CustomResourceDefinition", "gears", api_version="apiextensions.k8s.io/v1", namespace=None)
    widget = body("Widget", "one", api_version="example.com/v9alpha7", spec={"size": 1})
    apply(cluster, crd)
    cluster.faults.unwatchable = frozenset({"gadgets"})
    with listening(cluster, tmp_path) as (_, heard):
        with cluster.store.changed:
            apply(cluster, {**crd, "metadata": {"name": "widgets"}})
            apply(cluster, widget)
            apply(cluster, body("Gadget", "two", api_version="example.com/v9alpha7"))
        heard.until(lambda: {"one", "two"} <= set(heard.names()))
        apply(cluster, {**widget, "spec": {"size": 2}})
        heard.until(lambda: heard.bodies["k8s://demo/example.com/Widget/shop/one"]["spec"] == {"size": 2})
    assert heard.snapshots() == 1


def test_kind_without_watch_is_listed_in_an_interval(tmp_path: Path) -> None:
    """And told as the difference."""
    cluster = shop()
    cluster.faults.unwatchable = frozenset({"configmaps"})
    with listening(cluster, tmp_path) as (source, heard):
        write(cluster, "2s")
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "2s"})
        delete(cluster)
        heard.until(lambda: UID not in heard.bodies)
        assert source.counts["listed"] >= 2
    assert not heard.unreadable


def test_kind_that_is_denied_is_named(tmp_path: Path) -> None:
    """As with a list, and the others are watched."""
    cluster = shop()
    cluster.faults.denied = frozenset({"secrets"})
    with listening(cluster, tmp_path) as (_, heard):
        assert [u.scopes for u in heard.unreadable] == [("k8s://demo/core/Secret/",)]
        write(cluster, "2s")
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "2s"})
        assert [u.scopes for u in heard.unreadable] == [("k8s://demo/core/Secret/",)]


def test_broken_watch_is_a_gap_until_it_is_open_again(tmp_path: Path) -> None:
    """With the kind whose changes are not seen, and since when."""
    cluster = shop()
    with listening(cluster, tmp_path) as (_, heard):
        cluster.faults.refusal = 503
        cluster.cut()
        heard.until(lambda: len(heard.unreadable) == 4)
        assert "is broken since" in heard.unreadable[0].reason
        cluster.faults.refusal = None
        write(cluster, "2s")
        heard.until(lambda: not heard.unreadable)
        heard.until(lambda: heard.bodies[UID]["data"] == {"timeout": "2s"})


def test_cluster_out_of_reach_ends_the_watch(tmp_path: Path) -> None:
    """Whoever runs it begins again with a snapshot."""
    cluster = shop()
    pace = Pace(gather_s=0.01, give_up_s=0.3, longest_pause_s=0.05)
    with listening(cluster, tmp_path, pace=pace) as (_, heard):
        cluster.faults.refusal = 503
        cluster.cut()
        assert isinstance(heard.until_error(), Unreachable)


def test_credentials_that_hold_no_longer_end_the_watch(tmp_path: Path) -> None:
    """After they were read anew from the kubeconfig, once."""
    cluster = shop()
    with listening(cluster, tmp_path) as (_, heard):
        cluster.faults.refusal = 401
        cluster.cut()
        assert isinstance(heard.until_error(), Refused)


def test_silence_is_told(tmp_path: Path) -> None:
    """That nothing changed is news, too: it says up to when what is known holds."""
    with listening(shop(), tmp_path) as (_, heard):
        heard.until(lambda: len(heard.heard) > 3)
    assert heard.deltas() == []
    assert all(isinstance(h, Delta) for h in heard.heard[1:])


def test_catching_up_finds_what_the_watch_missed(tmp_path: Path) -> None:
    """A server that sends no events is found out by a list; the watch goes on from there."""
    cluster = shop()
    with listening(cluster, tmp_path) as (source, heard):
        heard.until(lambda: cluster.open_watches == 4)
        cluster.faults.is_mute = True
        write(cluster, "2s")
        assert source.catch_up(20)
        assert heard.bodies[UID]["data"] == {"timeout": "2s"}
        cluster.faults.refusal = 503
        assert not source.catch_up(20)
        cluster.faults.refusal = None
    assert not source.catch_up(20), "nothing is watched any more"
