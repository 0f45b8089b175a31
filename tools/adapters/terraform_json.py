"""Tells states of Terraform and OpenTofu from other JSON. Reads nothing of them."""

from __future__ import annotations

from graph.document import Json
from graph.kinds.terraform.plan import is_plan


def is_state(value: Json) -> bool:
    """Whether a JSON document is a state file, or what `terraform show -json` prints of a state."""
    if not isinstance(value, dict):
        return False
    is_file = (
        isinstance(value.get("version"), int) and bool({"resources", "modules"} & value.keys()) and "serial" in value
    )
    return is_file or ("format_version" in value and "values" in value and not is_plan(value))
