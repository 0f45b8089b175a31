"""Our own demo estate: which resource, or honestly none. Cases are exported by `plumbline eval cases`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.model import Model
from evals.suite import Prediction
from evals.world import World, commented, diagnosed, sureness
from evals.world_file import read_world

_SHOWN = 3


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (answers are uids)
        return read_world(folder)

    def answer(self, case: World, model: Model | None) -> Prediction:
        found = diagnosed(case)
        ranked = [{"entity": c.resource, "cause": c.kind, **sureness(c)} for c in found.causes[:_SHOWN]]
        return {
            "verdict": found.verdict.value,
            "ranked": ranked,
            "abstained": not ranked,
            "remediation": found.remedy.value if found.remedy else None,
            "blast_radius": list(found.suffering),
            "note": found.summary,
            **commented(found, model),
        }


SUITE = _Suite()
