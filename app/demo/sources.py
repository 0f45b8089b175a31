"""The shop's own files as they ship with the package, and how they came to be over the weeks before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

CLOUD = "cloud.yaml"
"""Cloud attributes; beside the repository, not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit of the shop's repository."""

    at: datetime
    """UTC"""
    author: str
    """`Name <mail>`"""
    message: str
    tree: Mapping[str, str]
    """Path to text of all files after it, `cloud.yaml` included."""
    changed: tuple[str, ...]
    """Paths that it changes or adds."""


@cache
def shop_files() -> Mapping[str, str]:
    """Return path to text of the last state: manifests, Terraform, and `cloud.yaml`."""
    root = files("app.demo") / "shop"
    out = {CLOUD: (root / CLOUD).read_text(encoding="utf-8")}
    for folder in ("kubernetes", "terraform"):
        _collect(root / folder, folder, out)
    return out


def shop_text(name: str) -> str:
    """Return a file of the shop that is not part of its repository, e.g. `behaviour.yaml`."""
    return (files("app.demo") / "shop" / name).read_text(encoding="utf-8")


def parsed(text: str) -> Any:
    """Return what a YAML document says."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe)


def history(now: datetime) -> tuple[Commit, ...]:
    """Return the commits that lead to the last state, oldest first.

    The trees are worked out backwards from the last state, so that `history.yaml` can't silently disagree.

    Args:
        now: UTC; the commits end a few days before.

    Raises:
        ValueError: an edit names a text that is not in its file exactly once.
    """
    data = parsed(shop_text("history.yaml"))
    tree = dict(shop_files())
    commits: list[Commit] = []
    for entry in reversed(data["commits"]):
        after = dict(tree)
        edits = list(entry.get("edits", []))
        if "release" in entry:
            edits.append(_release(entry["release"]))
        for edit in edits:
            tree[edit["file"]] = _undone(tree[edit["file"]], edit)
        for path in entry.get("adds", []):
            del tree[path]
        changed = {edit["file"] for edit in edits} | set(entry.get("adds", []))
        commits.append(
            Commit(
                at=_when(now, entry["ago"], entry["at"]),
                author=data["people"][entry["by"]],
                message=entry["message"],
                tree=after,
                changed=tuple(sorted(changed or after)),
            )
        )
    return tuple(reversed(commits))


def _release(entry: Mapping[str, str]) -> dict[str, str]:
    image = f"shop/{entry['service']}:"
    return {"file": f"kubernetes/{entry['service']}.yaml", "was": image + entry["was"], "now": image + entry["now"]}


def _undone(text: str, edit: Mapping[str, str]) -> str:
    if text.count(edit["now"]) != 1:
        raise ValueError(f"{edit['file']}: {edit['now']!r} stands there {text.count(edit['now'])} times, not once")
    return text.replace(edit["now"], edit["was"])


def _when(now: datetime, days: int, clock: str) -> datetime:
    day = (now - timedelta(days=days)).date()
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=now.tzinfo)


def _collect(folder: Traversable, path: str, out: dict[str, str]) -> None:
    for item in folder.iterdir():
        if item.is_dir():
            _collect(item, f"{path}/{item.name}", out)
        else:
            out[f"{path}/{item.name}"] = item.read_text(encoding="utf-8")
