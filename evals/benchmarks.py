"""Measures the product from the outside: `python -m evals.benchmarks`; `--help` lists the options.

- diagnosis: seconds from the delivery of an alert to its first stored diagnosis, for each incident of the demo, each in
  a fresh estate. The service itself measures them, from the receipt of the webhook.
- acknowledgement: milliseconds from sending a signed webhook to its 202, measured by the sender, at a steady rate,
  while the service works through what was delivered. A rate of 0 sends the next as soon as the last is answered.
- drift: seconds of one cold `plumbline drift` process over the manifests of Online Boutique and a dump made of them.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from evals.running_service import RunningService, command, running_service

_DIAGNOSIS_P95_S = 2.0
_ACKNOWLEDGEMENT_P99_MS = 100.0
_DRIFT_S = 3.0
_PATIENCE_S = 60.0
_INCIDENTS_OF_DELIVERIES = 25
"""Deliveries tell of so many incidents in turn, as repeated events of the same incidents do."""
_MANIFESTS = "app-manifests/microservices-demo/release"


def main() -> None:
    """Run all measurements; exit code 1 when one is over its limit."""
    options = _options()
    measured = {
        "diagnosis": measure_diagnosis(options.rounds),
        "acknowledgement": measure_acknowledgement(options.deliveries, options.per_second),
        "drift": measure_drift(options.rounds),
    }
    if options.json:
        print(json.dumps(measured, indent=2))
    else:
        _print(measured)
    sys.exit(0 if all(m.get("ok", True) for m in measured.values()) else 1)


def measure_diagnosis(rounds: int) -> dict[str, Any]:
    """Return seconds to the first diagnosis: by incident, and p50 and p95 over all."""
    names = [row["name"] for row in json.loads(command(["demo", "list", "--json"]))]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names:
            _tell(f"diagnosis {turn + 1}/{rounds}: {name}")
            with running_service() as service:
                service.trigger(name)
                seconds[name].append(_first_diagnosis(service))
    every = [s for found in seconds.values() for s in found]
    p95 = percentile(every, 95)
    return {
        "unit": "s",
        "by_incident": seconds,
        "p50": percentile(every, 50),
        "p95": p95,
        "limit_p95": _DIAGNOSIS_P95_S,
        "ok": p95 < _DIAGNOSIS_P95_S,
    }


def measure_acknowledgement(deliveries: int, per_second: float) -> dict[str, Any]:
    """Return milliseconds to the 202 of signed webhooks: p50, p99 and the longest."""
    _tell(f"acknowledgement: {deliveries} deliveries")
    took = []
    with running_service() as service:
        begun = time.perf_counter()
        for number in range(deliveries):
            if per_second:
                time.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
            took.append(_acknowledged(service, number))
    p99 = percentile(took, 99)
    return {
        "unit": "ms",
        "deliveries": deliveries,
        "per_second": per_second or deliveries / (time.perf_counter() - begun),
        "p50": percentile(took, 50),
        "p99": p99,
        "max": max(took),
        "limit_p99": _ACKNOWLEDGEMENT_P99_MS,
        "ok": p99 < _ACKNOWLEDGEMENT_P99_MS,
    }


def measure_drift(rounds: int) -> dict[str, Any]:
    """Return seconds of a cold comparison; what was skipped and why, when the manifests are not there."""
    shared = Path(os.environ.get("PLUMBLINE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    manifests = next((p for p in (shared / _MANIFESTS, shared / "data" / _MANIFESTS) if p.is_dir()), None)
    if manifests is None:
        return {"skipped": f"no Online Boutique manifests under {shared}: set PLUMBLINE_SHARED to their folder"}
    _tell("drift: Online Boutique")
    with tempfile.TemporaryDirectory(prefix="plumbline-bench-") as folder:
        dump = Path(folder) / "dump.json"
        altered = write_dump(manifests, dump)
        took = []
        for _ in range(rounds):
            begun = time.perf_counter()
            answer = command(["drift", "--intended", str(manifests), "--actual", str(dump), "--json"], codes=(0, 1))
            took.append(time.perf_counter() - begun)
    report = json.loads(answer)
    found = [[f["resource"], f["path"]] for f in report["findings"]]
    return {
        "unit": "s",
        "resources": report["resources"],
        "altered": altered,
        "findings": found,
        "max": max(took),
        "limit": _DRIFT_S,
        "ok": max(took) < _DRIFT_S and [path for _, path in found] == [altered],
    }


def write_dump(manifests: Path, dump: Path) -> str:
    """Write the objects of a folder as a cluster would list them, with one field altered.

    Returns:
        JSON pointer of the altered field: the image of the first Deployment's first container.
    """
    objects = [d for path in sorted(manifests.rglob("*.yaml")) for d in yaml.safe_load_all(path.read_text()) if d]
    for number, body in enumerate(objects):
        body["metadata"] |= {"uid": f"00000000-0000-4000-8000-{number:012d}", "resourceVersion": str(1000 + number)}
        body["metadata"].setdefault("namespace", "default")
    deployment = next(body for body in objects if body["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] += "-by-hand"
    dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return "/spec/template/spec/containers/0/image"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` percent of the values do not exceed (nearest rank).

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def _first_diagnosis(service: RunningService) -> float:
    """Seconds to the first diagnosis of the newest incident."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        incidents = service.get("/api/incidents")["incidents"]
        newest = max(incidents, key=lambda i: int(i["id"].partition("-")[2]), default=None)
        if newest and newest["diagnosis"]:
            every = service.get(f"/api/incidents/{newest['id']}/diagnoses")["diagnoses"]
            return float(min(every, key=lambda d: d["number"])["took_s"])
        time.sleep(0.05)
    raise RuntimeError(f"no diagnosis within {_PATIENCE_S:.0f} s")


def _acknowledged(service: RunningService, number: int) -> float:
    body = json.dumps(_event(number)).encode()
    signature = hmac.new(service.secrets["pagerduty"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-PagerDuty-Signature": f"v1={signature}", "Content-Type": "application/json"}
    begun = time.perf_counter()
    response = service.http.post("/webhooks/pagerduty", content=body, headers=headers)
    took = (time.perf_counter() - begun) * 1000
    if response.status_code != 202 or response.json()["status"] != "accepted":
        raise RuntimeError(f"delivery {number} was not accepted: {response.status_code} {response.text}")
    return took


def _event(number: int) -> Mapping[str, Any]:
    """A PagerDuty V3 webhook; no two have the same id."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    incident = f"PBENCH{number % _INCIDENTS_OF_DELIVERIES:04d}"
    service = {"id": "PSERVICE", "type": "service_reference", "summary": "payments"}
    data = {
        "id": incident,
        "type": "incident",
        "number": number % _INCIDENTS_OF_DELIVERIES + 1,
        "status": "triggered",
        "title": f"payments: benchmark {incident}",
        "created_at": now,
        "service": service,
        "urgency": "low",
    }
    kind = "incident.triggered" if number < _INCIDENTS_OF_DELIVERIES else "incident.priority_updated"
    return {
        "event": {
            "id": f"01BENCH{number:019d}",
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": now,
            "data": data,
        }
    }


def _print(measured: Mapping[str, Any]) -> None:
    diagnosis, acknowledgement, drift = (measured[name] for name in ("diagnosis", "acknowledgement", "drift"))
    print(f"{'incident':32}{'median s':>10}{'max s':>10}")
    for name, seconds in diagnosis["by_incident"].items():
        print(f"{name:32}{statistics.median(seconds):>10.2f}{max(seconds):>10.2f}")
    print()
    print(_line("webhook to diagnosis, p50", f"{diagnosis['p50']:.2f} s"))
    print(_line("webhook to diagnosis, p95", f"{diagnosis['p95']:.2f} s", "under 2 s", diagnosis["ok"]))
    load = f"{acknowledgement['deliveries']} at {acknowledgement['per_second']:.0f}/s"
    print(_line(f"acknowledgement of {load}, p50", f"{acknowledgement['p50']:.1f} ms"))
    told = f"{acknowledgement['p99']:.1f} ms"
    print(_line("acknowledgement, p99", told, "under 100 ms", acknowledgement["ok"]))
    if "skipped" in drift:
        print(f"drift of Online Boutique skipped: {drift['skipped']}")
    else:
        told = f"{drift['max']:.2f} s"
        print(_line(f"drift of {drift['resources']} resources, cold, longest", told, "under 3 s", drift["ok"]))


def _line(what: str, value: str, limit: str = "", ok: bool = True) -> str:
    verdict = f"{limit}: {'yes' if ok else 'NO'}" if limit else ""
    return f"{what:44}{value:>12}  {verdict}".rstrip()


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks", description="Measure the product.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each incident happens (default 3)")
    parser.add_argument("--deliveries", type=int, default=500, help="webhooks to acknowledge (default 500)")
    parser.add_argument("--per-second", type=float, default=20.0, help="webhooks a second (default 20; 0: no pause)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
