"""Reads incidents: `incidents.yaml`; `decoys.yaml`, where an innocent commit looks worse; `mechanisms.yaml`, where more
than one sign tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent
_FILES = tuple(_FOLDER / name for name in ("incidents.yaml", "decoys.yaml", "mechanisms.yaml"))


@dataclass(frozen=True, slots=True)
class Diff:
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    name: str
    guilty: Diff | None
    """None when the cause is outside"""
    outside: str
    """Name of the sort of cause outside; empty when a commit is guilty"""
    innocent: tuple[Diff, ...]
    says: tuple[tuple[str, str], ...]
    """(service, text), the alert first"""


def incidents() -> list[Incident]:
    """Return all of them, in the order of the files."""
    return [one for file in _FILES for one in _read(file)]


def mechanisms() -> list[Incident]:
    """Return those of `mechanisms.yaml`."""
    return list(_read(_FOLDER / "mechanisms.yaml"))


def _read(file: Path) -> list[Incident]:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    ordinary = {name: _diff(body) for name, body in document["ordinary"].items()}
    return [_incident(one, ordinary) for one in document["incidents"]]


def _incident(one: dict[str, Any], ordinary: dict[str, Diff]) -> Incident:
    says = [text.partition(": ") for text in one["says"]]
    return Incident(
        name=one["name"],
        guilty=_diff(one["guilty"]) if "guilty" in one else None,
        outside=one.get("outside", ""),
        innocent=tuple(ordinary[d] if isinstance(d, str) else _diff(d) for d in one["innocent"]),
        says=tuple((service, text) for service, _, text in says),
    )


def _diff(body: dict[str, str]) -> Diff:
    return Diff(file=body["file"], text=body["diff"])
