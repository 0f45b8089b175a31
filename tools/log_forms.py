"""Groups log lines into forms, and compares how often each came with the window before. Forms are found by Drain.

Drain: He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017, as in the library drain3.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from drain3.masking import MaskingInstruction
from drain3.template_miner import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

from graph.telemetry import LogLine

MOST_FORMS = 200
_MOST_CLUSTERS = 2000
_MOST_CHARACTERS = 1000
_GRAVITY = {"fatal": 0, "critical": 0, "error": 1, "warn": 2, "warning": 2, "": 3, "info": 4, "debug": 5, "trace": 6}
_MASKS = (
    (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "UUID"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?", "TIME"),
    (r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b", "ADDRESS"),
    (r"\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{12,}\b", "HEX"),
    (r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?=(?:ms|us|s|m|h|[KMG]i?B?|%)?(?:\W|$))", "NUMBER"),
)


@dataclass(slots=True)
class _Form:
    first: LogLine
    count: int = 0
    before: int = 0


def log_forms(lines: Iterable[LogLine], before: Iterable[LogLine] | None) -> tuple[LogLine, ...]:
    """Group lines of the same form, resource and severity.

    Args:
        lines: of the window, any order.
        before: of the window of the same length before it; None when nobody knows them.

    Returns:
        One line for each form, with the text and time of its first line, `count`, and `baseline`; the gravest and those
        that grew most first, at most `MOST_FORMS`.
    """
    miner = _miner()
    forms: dict[tuple[str, str, int], _Form] = {}
    # The past is learned first, so that a form that was there keeps its number.
    seen: dict[tuple[str, str, int], int] = defaultdict(int)
    for line in before or ():
        seen[_key(miner, line)] += line.count
    for line in sorted(lines, key=lambda one: (one.at or 0.0, one.resource, one.text)):
        key = _key(miner, line)
        form = forms.setdefault(key, _Form(first=line, before=seen.get(key, 0)))
        form.count += line.count
    found = [_line(miner, key, form, is_known=before is not None) for key, form in forms.items()]
    return tuple(sorted(found, key=_order)[:MOST_FORMS])


def _miner() -> TemplateMiner:
    config = TemplateMinerConfig()
    config.drain_max_clusters = _MOST_CLUSTERS
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in _MASKS]
    return TemplateMiner(config=config)


def _key(miner: TemplateMiner, line: LogLine) -> tuple[str, str, int]:
    found = miner.add_log_message(line.text[:_MOST_CHARACTERS])
    return line.resource, line.severity, int(found["cluster_id"])


def _line(miner: TemplateMiner, key: tuple[str, str, int], form: _Form, *, is_known: bool) -> LogLine:
    cluster = miner.drain.id_to_cluster.get(key[2])
    template = cluster.get_template() if cluster else form.first.text
    return replace(
        form.first,
        count=form.count,
        baseline=float(form.before) if is_known else None,
        form=hashlib.sha256(template.encode()).hexdigest()[:12],
    )


def _order(line: LogLine) -> tuple[int, float, str, str]:
    growth = line.count - (line.baseline or 0.0)
    return (_GRAVITY.get(line.severity, 3), -growth, line.resource, line.text)
