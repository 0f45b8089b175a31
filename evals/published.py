"""Published figures to stand beside ours. They are of whole sets, ours of the cases at hand."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    who: str
    figure: str
    value: float
    n: str
    model: bool
    """Whether a language model was used."""


PUBLISHED: dict[str, tuple[Figure, ...]] = {
    "cloud-opsbench": (
        Figure("DeepSeek-V3.2 (authors)", "A@1 Online Boutique", 0.73, "452", True),
        Figure("Claude-4-Sonnet (authors)", "A@1 Train-Ticket", 0.58, "204", True),
        Figure("GPT-4o (authors)", "A@1 Online Boutique", 0.51, "452", True),
    ),
    "root-cause-bench": (
        Figure("several large models (authors)", "pass", 1.0, "24 x 3", True),
        Figure("gpt-oss-120b (authors)", "graded", 0.534, "24 x 3", True),
        Figure("scripted-rca (authors)", "pass", 7 / 24, "24", False),
    ),
    "blast-radius-bench": (
        Figure("glm-5.2 (authors)", "graded", 0.679, "17 x 3", True),
        Figure("fugu-ultra (authors)", "pass", 0.61, "17 x 3", True),
        Figure("deep-walk (authors)", "pass", 3 / 17, "17", False),
    ),
    "noise-bench": (
        Figure("claude-opus-5 (authors)", "graded", 0.929, "17 x 3", True),
        Figure("scripted-triage (authors)", "graded", 0.518, "17", False),
    ),
    "changerca": (
        Figure("ChangeRCA (authors)", "HR@1", 0.882, "51", False),
        Figure("latest release", "HR@1", 24 / 51, "51", False),
        Figure("MicroRCA alone (authors)", "HR@1", 26 / 51, "51", False),
    ),
    "petshop": (
        Figure("anomaly traversal, best cell (authors)", "top-1", 0.833, "12", False),
        Figure("dowhy 0.14 traversal (re-run)", "top-1", 38 / 52, "52", False),
        Figure("ranked correlation (re-run)", "top-1", 34 / 52, "52", False),
        Figure("anomaly traversal, latency cells (authors)", "specificity", 0.333, "12", False),
    ),
    "opensre": (),
    "demo": (),
}
