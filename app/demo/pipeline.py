"""The shop's delivery pipeline: applies what a commit changes to the cluster and the cloud, and leaves a run record."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

import yaml

from app.demo import terraform
from app.demo.people import DEPLOYER, REGION, TERRAFORM
from app.demo.sources import CLOUD
from graph.document import Object
from graph.resource import kubernetes_uid, terraform_uid
from tools.actions.simulated_cluster.api_server import ApiServer
from tools.actions.simulated_cluster.cloud_api import CloudApi
from tools.actions.simulated_cluster.store import EstateStore, stamp
from tools.adapters.estate_files import Key

CLUSTER = "shop"
STACK = "shop-aws"

_IDS = uuid.UUID("b7b0a4f2-7f65-58d4-a8f7-7f8d1b6c0a55")
_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FIRST = ("Namespace", "NetworkPolicy", "SecretStore", "ServiceAccount", "ConfigMap", "ExternalSecret")


class Pipeline:
    """Deploys commits one after another; remembers what the last one declared."""

    def __init__(self, store: EstateStore) -> None:
        self.store = store
        self._api = ApiServer(store)
        self._cloud = CloudApi(store, region=REGION)
        self._parsed: dict[tuple[str, str], list[Object]] = {}

    def deploy(
        self,
        *,
        before: Mapping[str, str],
        after: Mapping[str, str],
        commit: str,
        author: str,
        title: str,
        started: datetime,
        recorded: bool = True,
        watch: timedelta = timedelta(seconds=74),
    ) -> datetime:
        """Bring the estate from one tree to the next. Controllers are not run.

        Args:
            before: files as deployed last; empty at first.
            after: files to deploy.
            commit: id of the commit.
            author: who wrote it, `Name <mail>`.
            title: first line of its message.
            started: UTC
            watch: how long the run waits for the rollout before it ends.
            recorded: leave audit records; False for a run that is older than the logs are kept.

        Returns:
            When the run was done; UTC.
        """
        moment, targets = started + timedelta(seconds=38), []
        for body in self._changed(before, after):
            key = self._api.apply(body, by=DEPLOYER, at=moment, audited=recorded)
            targets.append(_target(key, self.store.objects[key]))
            moment += timedelta(milliseconds=340)
        if CLOUD in after:
            targets += self._apply_cloud(before, after, moment, recorded=recorded)
        finished = moment + watch
        if recorded and targets:
            self._record(commit=commit, author=author, title=title, started=started, finished=finished, targets=targets)
        return finished

    def documents(self, path: str, text: str) -> list[Object]:
        """Parse the manifests of a file."""
        if (path, text) not in self._parsed:
            self._parsed[path, text] = [d for d in yaml.load_all(text, Loader=_LOADER) if d]
        return self._parsed[path, text]

    def _changed(self, before: Mapping[str, str], after: Mapping[str, str]) -> list[Object]:
        out = []
        for path, text in after.items():
            if path.startswith("kubernetes/") and before.get(path) != text:
                known = self.documents(path, before[path]) if path in before else []
                out += [body for body in self.documents(path, text) if body not in known]
        return sorted(out, key=lambda b: _FIRST.index(b["kind"]) if b["kind"] in _FIRST else len(_FIRST))

    def _apply_cloud(
        self, before: Mapping[str, str], after: Mapping[str, str], at: datetime, *, recorded: bool
    ) -> list[Object]:
        if all(before.get(path) == text for path, text in after.items() if not path.startswith("kubernetes/")):
            return []
        targets = []
        for address, item in terraform.resources(after).items():
            found = self.store.cloud.get(address)
            if found is None or found["values"] != item["values"]:
                self._cloud.put(address, item["values"], by=TERRAFORM, at=at, recorded=recorded)
                ref = {"ref": terraform_uid(stack=STACK, address=address), "type": address.partition(".")[0]}
                targets.append(ref | {"environment": "shop", "account": TERRAFORM.account, "region": REGION})
        return targets

    def _record(
        self, *, commit: str, author: str, title: str, started: datetime, finished: datetime, targets: list[Object]
    ) -> None:
        number = 4100 + int(started.timestamp()) // 3600 % 5000
        run = f"shop-deploy-{number}"
        only_cloud = all(target["ref"].startswith("tf://") for target in targets)
        people = {"id": "deploy-bot", "type": "automation"}
        data = {
            "change_id": str(uuid.uuid5(_IDS, f"change {run} {commit}")),
            "source": "https://ci.kettle.example/pipelines/shop",
            "source_event_id": run,
            "kind": "infra" if only_cloud else "deploy",
            "action": "updated",
            "status": "succeeded",
            "summary": title,
            "started_at": stamp(started),
            "finished_at": stamp(finished),
            "observed_at": stamp(finished),
            "targets": targets,
            "actor": people,
            "on_behalf_of": author.partition("<")[2].rstrip(">"),
            "version": {"commit": commit},
            "correlation": {"pipeline": "shop-deploy", "deployment": run},
        }
        self.store.append(
            "audit/deployments.jsonl",
            {
                "specversion": "1.0",
                "id": str(uuid.uuid5(_IDS, f"event {run} {commit}")),
                "source": data["source"],
                "type": "dev.plumbline.change.v1",
                "subject": run,
                "time": stamp(finished),
                "datacontenttype": "application/json",
                "data": data,
            },
        )


def _target(key: Key, body: Object) -> Object:
    group, slash, _ = str(body["apiVersion"]).partition("/")
    uid = kubernetes_uid(
        cluster=CLUSTER,
        group=group if slash else "",
        kind=key.kind,
        namespace=key.namespace or None,
        name=key.name,
    )
    return {"ref": uid, "type": key.kind, "environment": "shop", "cluster": CLUSTER}
