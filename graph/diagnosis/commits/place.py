"""Where a commit takes effect: the services that it touches, how close they are to the trouble, and since when."""

from __future__ import annotations

import re
from dataclasses import dataclass

from graph.change import Change
from graph.diagnosis.code.patch import is_quiet
from graph.diagnosis.commits.scene import Scene, core

_COMPLAINS, _CALLS, _KNOWN, _SHARED, _ELSEWHERE = 1.0, 0.85, 0.6, 0.75, 0.12
_SHARED_FOLDERS = frozenset(
    re.findall(
        r"\S+",
        """
    pkg lib libs common shared internal platform proto protos schema schemas core packages api config configs
    deploy infra terraform helm charts k8s kubernetes manifests env environments ops db database
    migrations cmd src app contracts gen vendor modules crates cluster base ansible kustomize overlays
    """,
    )
)
_LIBRARIES = frozenset(
    {
        "pkg",
        "lib",
        "libs",
        "common",
        "shared",
        "proto",
        "protos",
        "schema",
        "schemas",
        "packages",
        "crates",
        "contracts",
    }
)
_FOLDERS_OF_SERVICES = frozenset({"services", "apps", "charts", "microservices", "functions", "lambdas", "workers"})
_LIKE_A_SERVICE = re.compile(
    r"[-_](svc|service|api|worker|web|bff|portal|ui|app|gateway|engine|job|server|frontend|backend|controller|operator"
    r"|scorer|processor|consumer|producer|scheduler)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a commit takes effect."""

    services: frozenset[str]
    """uids of those that it touches; empty for code that many share, and where nobody knows"""
    closeness: float
    """0 to 1; 1 where it touches who complains"""
    since: float | None
    """Seconds since 1970-01-01 UTC; when it reached production. None: it did not, by the onset."""


def place_of(commit: Change, scene: Scene) -> Place:
    """Return where a commit takes effect, from the paths that it touches and from what was deployed."""
    paths = [path for path in commit.files if not is_quiet(path)] or list(commit.files)
    touched = frozenset(uid for path in paths for uid in _services(path, scene))
    touched |= {d.uid for d in scene.deploys if d.version == commit.version and d.uid}
    return Place(services=touched, closeness=_closeness(paths, touched, scene), since=_since(commit, touched, scene))


def _services(path: str, scene: Scene) -> set[str]:
    """The services that a path names: by their whole name, else by the words that tell them from others."""
    segments = re.split(r"[/]", path.lower())
    exact = {uid for uid, (name, _) in scene.names.items() if any(_names(part, name) for part in segments)}
    if exact:
        return exact
    cores = [core(part.split(".")[0]) for part in segments]
    found = {uid for uid, (_, words) in scene.names.items() if words and words in cores}
    # What belongs to a family of services, e.g. the chart of `store` to `store-query` and `store-writer`.
    return found or {u for u, (name, _) in scene.names.items() if any(_heads(part, name) for part in segments[:-1])}


def _names(part: str, name: str) -> bool:
    return bool(re.search(rf"(^|[^a-z0-9-]){re.escape(name)}([^a-z0-9-]|$)", part))


def _heads(part: str, name: str) -> bool:
    return len(part) > _SHORT and part not in _SHARED_FOLDERS and name.startswith((f"{part}-", f"{part}_"))


_SHORT = 3


def _closeness(paths: list[str], touched: frozenset[str], scene: Scene) -> float:
    if touched & scene.near:
        above = frozenset(uid for subject in scene.subjects for uid in scene.above(subject))
        # Callers of what the alert is about suffer from it; what they ask of it may still be the cause.
        return _CALLS if touched & scene.near <= above else _COMPLAINS
    if not paths or any(path.lower().split("/")[0] in _LIBRARIES for path in paths):
        return _SHARED
    if touched:
        return _KNOWN if touched & scene.measured else _ELSEWHERE
    return _ELSEWHERE if paths and all(_is_of_another(path) for path in paths) else _SHARED


def _is_of_another(path: str) -> bool:
    """Whether a path lies in the folder of a service that nobody speaks of."""
    folders = path.lower().split("/")[:-1]
    for above, folder in zip(("", *folders), folders, strict=False):
        if _LIKE_A_SERVICE.search(folder) or (above in _FOLDERS_OF_SERVICES and folder not in _SHARED_FOLDERS):
            return True
    return bool(folders) and folders[0] not in _SHARED_FOLDERS and folders[0] not in _FOLDERS_OF_SERVICES


def _since(commit: Change, touched: frozenset[str], scene: Scene) -> float | None:
    """When it reached production: with its own deployment, else with the next one of what it touches."""
    made = commit.latest.timestamp()
    if made > scene.onset:
        return None
    own = [d for d in scene.arrivals if d.version == commit.version]
    after = [d for d in scene.arrivals if d.latest.timestamp() >= made]
    if own:
        return own[0].latest.timestamp()
    if any(d.version == commit.version for d in scene.deploys):
        return None
    mine = [d for d in after if d.uid in touched] if touched else [d for d in after if d.uid in scene.near] or after
    if mine:
        return mine[0].latest.timestamp()
    is_deployed_else = any(d.uid in touched or not touched for d in scene.deploys)
    # What is never seen to be deployed may be applied as soon as it is merged.
    return None if is_deployed_else else made
