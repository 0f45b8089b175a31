"""Demo estates for tests: built once a session at a fixed time, copied for each test."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from app.demo.build import DemoEstate, build, locate
from tools.actions.file_estate import FileEstateTarget
from tools.actions.simulated_cluster.store import EstateStore
from tools.adapters.estate_files import EstateFiles
from tools.adapters.file_estate import FileEstate

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CLUSTER = "shop"
STACK = "shop-aws"


def built(folder: Path) -> Path:
    """Build the demo in a folder and return the folder."""
    build(folder, now=NOW)
    return folder


def copied(pristine: Path, folder: Path) -> DemoEstate:
    """Copy a built demo into another folder."""
    shutil.copytree(pristine / "demo", folder / "demo")
    return locate(folder)


def reader(demo: DemoEstate) -> FileEstate:
    """Return the adapter that reads the estate."""
    return FileEstate("estate:test", demo.estate, cluster=CLUSTER, stack=STACK, salt=b"pepper", clock=lambda: NOW)


def target(demo: DemoEstate) -> FileEstateTarget:
    """Return the adapter that writes to the estate."""
    return FileEstateTarget(demo.estate, cluster=CLUSTER, stack=STACK, actor="plumbline-executor", clock=lambda: NOW)


def store(demo: DemoEstate) -> EstateStore:
    """Load the estate as the simulation sees it."""
    return EstateStore.load(EstateFiles(demo.estate))


def k8s(kind: str, name: str, group: str = "core") -> str:
    """Return the uid of an object of the shop."""
    return f"k8s://{CLUSTER}/{group}/{kind}/shop/{name}"


def tf(address: str) -> str:
    """Return the uid of a cloud resource of the shop."""
    return f"tf://{STACK}/{address}"
