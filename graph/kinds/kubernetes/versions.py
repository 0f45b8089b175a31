"""Which version a server has at most, by the API groups that it serves, and which fields are newer than that.

An older server drops a field that it does not know, without a word: whoever declares it anyway sees no difference that
anybody made. The fields come from the API description of each version (`evals.kubernetes_fields` writes the file).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"

_GONE_AFTER = {
    "v1beta1.apiextensions.k8s.io": 21,
    "v1beta1.batch": 24,
    "v1beta1.discovery.k8s.io": 24,
    "v1beta1.extensions": 21,
    "v1beta1.flowcontrol.apiserver.k8s.io": 25,
    "v1beta1.policy": 24,
    "v1beta1.rbac.authorization.k8s.io": 21,
    "v1beta2.flowcontrol.apiserver.k8s.io": 28,
    "v1beta3.flowcontrol.apiserver.k8s.io": 31,
    "v2beta1.autoscaling": 24,
    "v2beta2.autoscaling": 25,
}
"""The last minor version that serves a version of a group.
https://kubernetes.io/docs/reference/using-api/deprecation-guide/"""

_MISSING_BEFORE = {
    "v1.flowcontrol.apiserver.k8s.io": 29,
    "v1.policy": 21,
    "v1.resource.k8s.io": 34,
    "v2.autoscaling": 23,
}
"""The first minor version that always serves a version of a group."""

_ALWAYS = "v1.apps"


def newest_minor(served: Collection[str]) -> int | None:
    """Return the highest minor version that a server can have; None when nothing tells.

    Args:
        served: names of the APIServices that it serves, all of them or none.
    """
    if _ALWAYS not in served:
        return None
    bounds = [minor for name, minor in _GONE_AFTER.items() if name in served]
    bounds += [minor - 1 for name, minor in _MISSING_BEFORE.items() if name not in served]
    return min(bounds, default=None)


def is_newer(type_name: str, field: str, minor: int | None) -> bool:
    """Whether a field of a type is newer than a server of this minor version; False when nothing is known."""
    return minor is not None and _since().get(type_name, {}).get(field, 0) > minor


@cache
def _since() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads((DATA / "fields_since.json").read_text(encoding="utf-8"))
    return found
