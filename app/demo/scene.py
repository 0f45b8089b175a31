"""One change to the demo estate as a story tells it: who does what, when, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from app.demo import repository
from app.demo.people import REGION
from app.demo.pipeline import Pipeline
from graph.document import Json, Object, put
from graph.errors import NotFound
from tools.actions.simulated_cluster.api_server import ApiServer, key_of
from tools.actions.simulated_cluster.cloud_api import CloudApi
from tools.actions.simulated_cluster.identity import Caller, CloudCaller
from tools.actions.simulated_cluster.pods import delete_pod
from tools.actions.simulated_cluster.settle import control, settle
from tools.actions.simulated_cluster.store import EstateStore, copied, locked
from tools.actions.simulated_cluster.workloads import workload_pods
from tools.adapters.estate_files import EstateFiles, Key

NAMESPACE = "shop"


class Scene:
    """The estate while a story is told. Times are UTC; what is told twice changes nothing the second time."""

    def __init__(self, estate: Path, store: EstateStore) -> None:
        self.store = store
        self._estate = estate
        self._api = ApiServer(store)
        self._cloud = CloudApi(store, region=REGION)

    def object(self, kind: str, name: str) -> Object:
        """Return a copy of a live object of the shop's namespace."""
        body: Object = copied(self.store.objects[Key(NAMESPACE, kind, name)])
        return body

    def edit(self, kind: str, name: str, path: str, value: Json, *, by: Caller, at: datetime) -> None:
        """Let somebody write one field of a live object."""
        body: Object = put(self.object(kind, name), path, value)
        self._api.update(Key(NAMESPACE, kind, name), body, by=by, at=at)

    def create(self, body: Object, *, by: Caller, at: datetime) -> None:
        """Let somebody `kubectl create` an object; one that is there already stays as it is."""
        if key_of(body) not in self.store.objects:
            self._api.create(key_of(body), body, by=by, at=at)

    def delete(self, kind: str, name: str, *, by: Caller, at: datetime) -> None:
        """Let somebody delete an object; one that is gone already stays so."""
        if Key(NAMESPACE, kind, name) in self.store.objects:
            self._api.delete(Key(NAMESPACE, kind, name), by=by, at=at)

    def delete_pods(self, kind: str, name: str, *, by: Caller, at: datetime) -> None:
        """Let somebody delete all pods of a workload, which starts new ones."""
        for pod in workload_pods(self.store, Key(NAMESPACE, kind, name)):
            key = Key(NAMESPACE, "Pod", pod["metadata"]["name"])
            self._api.delete(key, by=by, at=at)
            delete_pod(self.store, key)

    def set_cloud(self, address: str, values: Object, *, by: CloudCaller, at: datetime) -> None:
        """Let somebody give a cloud resource other values."""
        merged = self.store.cloud[address]["values"] | values
        if merged != self.store.cloud[address]["values"]:
            self._cloud.put(address, merged, by=by, at=at)

    def deploy(
        self, path: str, *, was: str, now: str, author: str, message: str, at: datetime, started: datetime
    ) -> None:
        """Commit an edit of one file to the shop's repository and let the pipeline deploy it."""
        repo = repository.open_existing(self._estate.parent / "repo")
        try:
            before = repository.files(repo)
            if was not in before[path]:
                raise NotFound(f"{path} does not hold {was!r}")
            after = before | {path: before[path].replace(was, now)}
            commit = repository.commit(repo, after, author=author, message=message, at=at)
            repository.check_out(repo)
        finally:
            repo.close()
        Pipeline(self.store).deploy(
            before=before,
            after=after,
            commit=commit,
            author=author,
            title=message.partition("\n")[0],
            started=started,
            watch=timedelta(seconds=2),
        )

    def file_text(self, path: str) -> str:
        """Return a file of the repository as `main` holds it."""
        repo = repository.open_existing(self._estate.parent / "repo")
        try:
            return repository.files(repo)[path]
        finally:
            repo.close()

    def outside(self, what: str, workload: str, value: float) -> None:
        """Let the world outside the estate change, e.g. `memory_mib` of the load or `latency_s` of a provider."""
        self.store.runtime["outside"].setdefault(what, {})[f"{NAMESPACE}/Deployment/{workload}"] = value

    def settle(self, at: datetime) -> None:
        """Let the controllers react before the story goes on."""
        control(self.store, at)


@contextmanager
def scene(estate: Path, *, began: datetime, now: datetime) -> Iterator[Scene]:
    """Open the estate for a story; at its end the controllers have settled, and logs and metrics tell of it.

    Args:
        estate: directory of the estate.
        began: UTC; since when things are as the story leaves them.
        now: UTC
    """
    with locked(estate):
        store = EstateStore.load(EstateFiles(estate))
        yield Scene(estate, store)
        store.runtime["unsettled"] = True
        store.flush(estate, durable=True)
        settle(store, now, since=began)
        store.flush(estate, durable=True)


def go_dark(estate: Path, outages: list[dict[str, str]]) -> None:
    """Declare which evidence can't be read: `{"what", "resource", "why"}` each, `what` being `logs` or `metrics`."""
    (estate / "outages.yaml").write_text(yaml.safe_dump({"outages": outages}))
