"""What a set of cases is: how its cases are read, and how the product's answer is put into its words.

A suite translates formats and names. Whatever it takes to find an answer belongs to the product: a suite calls the
same functions that an alert takes in production, and holds no rule that would recognise a case.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from agents.model import Model

Prediction: TypeAlias = dict[str, Any]
"""One line of `predictions.jsonl` without `case` and `elapsed_s`. Fields, all optional:

- `ranked`: best first, `{entity, cause, category, score, strength}`; text or None, the last two 0 to 1; `strength` is
  that of `Cause`, and no scorer reads it
- `abstained`: no answer to the main question
- `change`: commit id, `"none"` for "no commit caused it", or None
- `first_failing`, `remediation`, `origin`: text or None
- `propagation`: `{from, to}` in causal direction
- `blast_radius`: names without the origin
- `pages`: page id to `"page"` or `"suppress"`
- `release`: services, most guilty first
- `note`: one sentence for people; no scorer reads it
"""


class Suite(Protocol):
    """One set of cases. What `load` returns is known to the suite alone."""

    def load(self, folder: Path, labels: Mapping[str, Any]) -> Any:
        """Parse one case.

        Args:
            folder: `DIR/cases/<id>`.
            labels: content of `DIR/labels.json`; empty when the set has none.

        Raises:
            Invalid: the case can't be read; the message names the file.
        """
        ...

    def answer(self, case: Any, model: Model | None) -> Prediction:
        """Put the question of the case to the product and return its answer in the words of the set."""
        ...
