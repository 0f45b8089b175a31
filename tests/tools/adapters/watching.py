"""A thread that listens to a watched source, and what it has heard by now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from graph.document import Object
from graph.version import Delta, Snapshot, Unreadable
from tests.tools.adapters.test_kubernetes_api import write_kubeconfig
from tools.actions.simulated_cluster.identity import Caller
from tools.actions.simulated_cluster.served import ServedCluster
from tools.adapters.kubernetes_api import KubernetesApi
from tools.adapters.kubernetes_follower import Pace

ANN = Caller(username="ann@example.com")
QUICK = Pace(gather_s=0.01, poll_s=0.05, announced_s=0.01, grace_s=0.2, longest_pause_s=0.05, heartbeat_s=0.05)
PATIENCE_S = 20.0
"""More than any of this takes on a busy machine; only a failing test waits for so long."""


class Listener:
    """What was heard, folded into what is so now."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.bodies: dict[str, Object] = {}
        self.unreadable: tuple[Unreadable, ...] = ()
        self.heard: list[Snapshot | Delta] = []
        self.error: BaseException | None = None

    def hear(self, said: Snapshot | Delta) -> None:
        """Take what is new."""
        with self.changed:
            self.heard.append(said)
            if isinstance(said, Snapshot):
                self.bodies = {}
            for document in said.documents:
                self.bodies[document.resource.uid] = document.body
            for uid in said.gone if isinstance(said, Delta) else ():
                del self.bodies[uid]
            if said.unreadable is not None:
                self.unreadable = said.unreadable
            self.changed.notify_all()

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until something is so."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition() or self.error, PATIENCE_S), what
            assert condition(), self.error

    def until_error(self) -> BaseException:
        """Wait until the watch ends by an error."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.error, PATIENCE_S)
        assert self.error is not None
        return self.error

    def names(self) -> list[str]:
        """Names of all that is there now, in order."""
        return sorted(uid.rpartition("/")[2] for uid in self.bodies)

    def deltas(self) -> list[Delta]:
        """Those that tell of resources."""
        return [h for h in self.heard if isinstance(h, Delta) and (h.documents or h.gone)]

    def snapshots(self) -> int:
        """How often everything was told."""
        return sum(isinstance(h, Snapshot) for h in self.heard)


@contextmanager
def listening(
    cluster: ServedCluster, folder: Path, *, pace: Pace = QUICK, port: int = 0
) -> Iterator[tuple[KubernetesApi, Listener]]:
    """Watch a cluster meanwhile; gives the source and what it says."""
    with cluster.serve(port) as url:
        source = KubernetesApi(
            "cluster:demo",
            kubeconfig=write_kubeconfig(folder, url),
            cluster="demo",
            salt=b"salt",
            sleep=lambda _: None,
            pace=pace,
        )
        listener, stop = Listener(), threading.Event()

        def watch() -> None:
            try:
                source.watch(listener.hear, stop)
            except BaseException as error:
                with listener.changed:
                    listener.error = error
                    listener.changed.notify_all()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            listener.until(lambda: listener.heard, "the first snapshot")
            yield source, listener
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
