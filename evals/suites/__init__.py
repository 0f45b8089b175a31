"""The sets of cases that can be run, one module each."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from evals.suite import Suite
from graph.errors import NotFound

SETS: dict[str, str] = {
    "cloud-opsbench": "which Kubernetes object, and which fault",
    "root-cause-bench": "which commit, or none",
    "blast-radius-bench": "where it began, and how it spread",
    "noise-bench": "which pages deserve a person",
    "changerca": "which of several releases",
    "petshop": "which node, from metrics only",
    "opensre": "which category of fault, or healthy",
    "demo": "which resource of our own demo estate, or none",
}
"""Maps the name of a set to the question that it asks."""


def suite_of(name: str) -> Suite:
    """Return the suite of a set, importing it now.

    Raises:
        NotFound: there is no such set.
    """
    if name not in SETS:
        raise NotFound(f"there is no set {name!r}; the sets are {', '.join(SETS)}")
    module = import_module(f"evals.suites.{name.replace('-', '_')}")
    return cast(Suite, module.SUITE)
