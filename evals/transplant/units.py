"""Faults of nodes: services that stop, and what the control plane then says."""

from __future__ import annotations

import random
import re

from evals.transplant.faults import Fault
from evals.transplant.tape import Tape

_KINDS = {
    "kubelet": "kubelet_down",
    "containerd": "container_runtime_down",
    "kube-proxy": "kube_proxy_down",
    "kube-scheduler": "scheduler_down",
}


def _stopped(unit: str) -> Fault:
    def put(tape: Tape, app: str, rng: random.Random) -> str | None:
        nodes = tape.names("CheckNodeServiceStatus", "node_name", service_name=unit)
        if not nodes or app != tape.apps()[0]:
            return None
        node = "master" if unit == "kube-scheduler" else rng.choice([n for n in nodes if n != "master"])
        state = rng.choice(["inactive (dead)", "failed (Result: exit-code)", "activating (auto-restart)"])
        for key, value in tape.answers.items():
            if key.startswith("CheckNodeServiceStatus") and f'"{node}"' in key and f'"{unit}"' in key:
                tape.answers[key] = re.sub(r"Active: active \(running\)", f"Active: {state}", str(value))
        if unit == "kubelet":
            tape.describe("nodes", node, lambda t: re.sub(r"(\n  Ready +)True ", r"\1Unknown ", t))
        return f"{_KINDS[unit]}@{node}"

    return put


UNIT_FAULTS: dict[str, Fault] = {f"{unit} stopped": _stopped(unit) for unit in _KINDS}
