"""Builds the demo estate in a data directory: repository, Terraform state, and the file-backed cluster and cloud."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from app.demo import repository, terraform
from app.demo.people import DEPLOYERS
from app.demo.pipeline import CLUSTER, STACK, Pipeline
from app.demo.sources import CLOUD, Commit, history, parsed, shop_text
from tools.actions.simulated_cluster.monitoring import METRICS, TRACES
from tools.actions.simulated_cluster.settle import control, measure, settle
from tools.actions.simulated_cluster.store import EstateStore, locked, stamp
from tools.actions.simulated_cluster.traffic import observe

_AUDIT_KEPT = timedelta(days=30)
"""How far back the audit logs of the demo reach."""

_DONE = "built"
"""Marks a complete build; written last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEstate:
    """Where the parts of the demo are."""

    root: Path
    repo: Path
    """Git repository with the shop's manifests and Terraform: intended state."""
    state: Path
    """Terraform state file of the last apply: applied state of the cloud."""
    estate: Path
    """File-backed cluster and cloud: actual state."""

    @property
    def pristine(self) -> Path:
        """Copy of everything as built, for `reset`."""
        return self.root / "pristine"


def is_built(data_dir: Path) -> bool:
    """Whether the demo of a data directory is complete."""
    return (locate(data_dir).root / _DONE).exists()


def locate(data_dir: Path) -> DemoEstate:
    """Return where the demo of a data directory is, built or not."""
    root = data_dir / "demo"
    return DemoEstate(root=root, repo=root / "repo", state=root / "state" / f"{STACK}.tfstate", estate=root / "estate")


def build(data_dir: Path, *, now: datetime) -> DemoEstate:
    """Build the demo; a directory that holds a complete one is left as it is.

    Args:
        data_dir: directory of the service; everything goes below `demo/` in it.
        now: UTC; the history ends a few days before.
    """
    demo = locate(data_dir)
    if is_built(data_dir):
        return demo
    with locked(demo.estate):
        for stale in (demo.repo, demo.state.parent, demo.estate, demo.pristine):
            shutil.rmtree(stale, ignore_errors=True)
        now = now.replace(microsecond=0)
        _build(demo, now)
        for part in (demo.repo, demo.state.parent, demo.estate):
            shutil.copytree(part, demo.pristine / part.name)
        (demo.root / _DONE).write_text(stamp(now) + "\n")
    return demo


def reset(demo: DemoEstate) -> None:
    """Bring everything back to how it was built."""
    with locked(demo.estate):
        for part in (demo.repo, demo.state.parent, demo.estate):
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(demo.pristine / part.name, part)


def environment_config(data_dir: Path) -> dict[str, Any]:
    """Return the sources of the demo environment, as plain values for the wiring."""
    demo = locate(data_dir)
    audit = demo.estate / "audit"
    return {
        "name": "shop",
        "cluster": CLUSTER,
        "stack": STACK,
        "intended": [{"type": "manifests", "name": "git:shop", "path": str(demo.repo)}],
        "applied": [{"type": "manifests", "name": f"tfstate:{STACK}", "path": str(demo.state)}],
        "actual": [{"type": "estate", "name": "estate:shop", "path": str(demo.estate)}],
        "changes": [
            {"type": "git", "name": "git:shop", "path": str(demo.repo)},
            {"type": "kubernetes_audit", "name": "audit:shop", "path": str(audit / "kubernetes.jsonl")},
            {"type": "cloudtrail", "name": f"cloudtrail:{STACK}", "path": str(audit / "cloudtrail.jsonl")},
            {"type": "deployments", "name": "deployments:shop", "path": str(audit / "deployments.jsonl")},
        ],
        "metrics": [{"type": "files", "name": "metrics:shop", "path": str(demo.estate / METRICS)}],
        "traces": [{"type": "files", "name": "traces:shop", "path": str(demo.estate / TRACES)}],
        "deployers": list(DEPLOYERS),
    }


def _build(demo: DemoEstate, now: datetime) -> None:
    store = EstateStore()
    commits = history(now)
    store.behaviour = parsed(shop_text("behaviour.yaml"))
    repo = repository.create(demo.repo)
    pipeline = Pipeline(store)
    store.registry = _registry(pipeline, commits)
    before: dict[str, str] = {}
    for commit in commits:
        tree = {path: text for path, text in commit.tree.items() if path != CLOUD}
        tree["terraform/plan.json"] = terraform.plan(commit.tree, at=stamp(commit.at))
        done = repository.commit(repo, tree, author=commit.author, message=commit.message, at=commit.at)
        if not before:
            store.secrets = _secrets(pipeline, commits[-1])
        finished = pipeline.deploy(
            before=before,
            after=commit.tree,
            commit=done,
            author=commit.author,
            title=commit.message.partition("\n")[0],
            started=commit.at + timedelta(minutes=4),
            recorded=commit.at > now - _AUDIT_KEPT,
        )
        control(store, finished)
        before = dict(commit.tree)
    repository.check_out(repo)
    repo.close()
    demo.state.parent.mkdir(parents=True)
    demo.state.write_text(terraform.state(commits[-1].tree, serial=len(commits)))
    _settle(store, now)
    demo.estate.mkdir(parents=True)
    for name, data in (("registry", store.registry), ("secret-store", store.secrets)):
        (demo.estate / f"{name}.yaml").write_text(yaml.safe_dump(data))
    (demo.estate / "behaviour.yaml").write_text(shop_text("behaviour.yaml"))
    store.flush(demo.estate, durable=False)


def _settle(store: EstateStore, now: datetime) -> None:
    readings = observe(store)
    for minutes in range(120, 0, -5):
        measure(store, readings, now - timedelta(minutes=minutes))
    for reading in readings.values():
        text = 'level=info msg="served" window=5m errors=0'
        for minutes in range(30, 0, -5):
            store.log(reading.key.namespace, reading.key.name, at=now - timedelta(minutes=minutes), pod="", text=text)
    settle(store, now)


def _registry(pipeline: Pipeline, commits: tuple[Commit, ...]) -> dict[str, Any]:
    repositories: dict[str, dict[str, Any]] = {}
    for commit in commits:
        for path in commit.changed:
            for body in pipeline.documents(path, commit.tree[path]) if path.startswith("kubernetes/") else ():
                spec = body.get("spec") or {}
                spec = spec.get("jobTemplate", {}).get("spec") or spec
                for container in (spec.get("template") or {}).get("spec", {}).get("containers", ()):
                    name, _, tag = container["image"].rpartition(":")
                    repositories.setdefault(name, {}).setdefault(tag, {})
    return {"repositories": repositories}


def _secrets(pipeline: Pipeline, commit: Commit) -> dict[str, dict[str, str]]:
    """Invent contents for everything that an ExternalSecret asks for. They open nothing."""
    out: dict[str, dict[str, str]] = {}
    for path, text in commit.tree.items():
        for body in pipeline.documents(path, text) if path.startswith("kubernetes/") else ():
            for item in body["spec"]["data"] if body["kind"] == "ExternalSecret" else ():
                ref = item["remoteRef"]
                value = hashlib.sha256(f"demo {ref['key']} {ref['property']}".encode()).hexdigest()[:32]
                out.setdefault(ref["key"], {})[ref["property"]] = value
    return out
