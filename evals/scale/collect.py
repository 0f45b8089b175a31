"""The process that collects: a service that lists and watches a cluster whose declarations stand in git."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from evals.scale.estate import CLUSTER, Estate, live, uid_of
from evals.scale.ingest import ENVIRONMENT, write_declared
from evals.scale.service import service
from evals.scale.timing import cpu_s, most_resident_mb, quantile, resident_mb, stopwatch
from graph.document import Object

_READY_S = 3_600.0
_ANSWER_S = 600.0
"""The first answer waits until the service knows what there is."""
_VERDICT_S = 120.0
"""A change of which nothing is told for longer is missed."""
_LOOK_EVERY_S = 0.05
_PAUSE_S = 0.5
"""Between a verdict and the next change."""


def measure_collect(estate: Estate, folder: Path, url: str, *, rounds: int, seed: int = 1) -> dict[str, Any]:
    """Measure a first reading of everything, then changes one after the other, as they become recorded verdicts.

    Args:
        estate: what the cluster and the repository hold.
        folder: for everything that is written.
        url: of an empty database.
        rounds: how many objects are changed.
        seed: of the choice of the objects.
    """
    figures: dict[str, Any] = {}
    repository = folder / "declared"
    figures["declared"] = _commit(estate, repository)
    with _cluster(estate, folder) as api, service(folder, url, _environment(folder, repository, api)) as collecting:
        headers = {"Authorization": f"Bearer {collecting.token}"}
        with httpx.Client(base_url=collecting.server, headers=headers, timeout=_ANSWER_S) as http:
            with stopwatch(figures, "first_reading"):
                collecting.await_ready(_READY_S)
            figures["first_reading_service_cpu_s"] = round(cpu_s(collecting.pid), 1)
            figures["first_reading_most_mb"] = most_resident_mb(collecting.pid)
            with stopwatch(figures, "first_comparison"):
                figures["drifts"], after = _await_drifts(http, len(estate.drifted()))
            figures |= {"seeded": len(estate.drifted()), "compared_most_mb": most_resident_mb(collecting.pid)}
            figures |= _changes(estate, http, api, after, rounds=rounds, chosen=random.Random(seed))  # noqa: S311
            figures |= {"collecting_mb": resident_mb(collecting.pid)}
            figures |= {"collecting_most_mb": most_resident_mb(collecting.pid)}
            figures["service_cpu_s"] = round(cpu_s(collecting.pid), 1)
    return figures


def _changes(
    estate: Estate, http: httpx.Client, api: str, after: int, *, rounds: int, chosen: random.Random
) -> dict[str, Any]:
    """Change objects by hand and wait until the service has recorded each as drift."""
    times, missed = [], 0
    for number in chosen.sample(range(estate.apps), min(rounds, estate.apps)):
        body = _changed(number, chosen)
        made_at = datetime.now(UTC)
        httpx.post(api, json=body).raise_for_status()
        deadline = time.monotonic() + _VERDICT_S
        found = None
        while found is None and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)
            events, after = _events(http, after)
            found = next((e for e in events if e["resource"] == uid_of(body) and e["kind"] != "attributed"), None)
        if found is None:
            missed += 1
        else:
            times.append((datetime.fromisoformat(found["recorded_at"]) - made_at).total_seconds())
        time.sleep(_PAUSE_S)
    return {
        "recorded_n": len(times),
        "recorded_missed": missed,
        "recorded_median_s": round(quantile(times, 0.5), 3),
        "recorded_p95_s": round(quantile(times, 0.95), 3),
        "recorded_worst_s": round(max(times, default=float("nan")), 3),
    }


def _changed(number: int, chosen: random.Random) -> Object:
    """Return an object with a field that nobody declared so."""
    kind = chosen.choice(("Deployment", "ConfigMap", "Service", "HorizontalPodAutoscaler"))
    body = next(b for b in live(number) if b["kind"] == kind)
    if kind == "Deployment":
        body["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/other:2"
    elif kind == "ConfigMap":
        body["data"]["LEVEL"] = "debug"
    elif kind == "Service":
        body["spec"]["ports"][0]["port"] = 8081
    else:
        body["spec"]["maxReplicas"] = 50
    return body


def _await_drifts(http: httpx.Client, count: int) -> tuple[int, int]:
    """Wait until the first comparison is recorded; return of how many resources it told, and the last event."""
    deadline, after = time.monotonic() + _READY_S, 0
    told: set[str] = set()
    while len(told) < count and time.monotonic() < deadline:
        events, after = _events(http, after)
        told |= {e["resource"] for e in events}
        time.sleep(0 if events else _LOOK_EVERY_S)
    return len(told), after


def _events(http: httpx.Client, after: int) -> tuple[list[dict[str, Any]], int]:
    answer = http.get(f"/api/graph/{ENVIRONMENT}/drift-events", params={"after": after, "limit": 200})
    answer.raise_for_status()
    body = answer.json()
    return body["events"], body["next"]


def _commit(estate: Estate, repository: Path) -> int:
    repository.mkdir()
    count = write_declared(estate, repository)
    who = ["-c", "user.name=scale", "-c", "user.email=scale@example.org"]
    for step in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "The estate"]):
        subprocess.run(["git", *step], cwd=repository, check=True)  # noqa: S603, S607
    return count


@contextmanager
def _cluster(estate: Estate, folder: Path) -> Iterator[str]:
    held = folder / "cluster"
    held.mkdir()
    program = f"from evals.scale.served import serve; serve({str(held)!r}, {estate.objects})"
    serve = [sys.executable, "-c", program]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (our own command)
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def _environment(folder: Path, repository: Path, api: str) -> dict[str, Any]:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(api)))
    return {
        "name": ENVIRONMENT,
        "cluster": CLUSTER,
        "deployers": ["argocd-controller"],
        "intended": [{"type": "manifests", "path": str(repository)}],
        "actual": [{"type": "kubernetes", "kubeconfig": str(kubeconfig)}],
    }


def _kubeconfig(api: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CLUSTER,
        "contexts": [{"name": CLUSTER, "context": {"cluster": CLUSTER, "user": "reader"}}],
        "clusters": [{"name": CLUSTER, "cluster": {"server": api}}],
        "users": [{"name": "reader", "user": {"token": "none-is-checked"}}],
    }
