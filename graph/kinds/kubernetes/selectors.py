"""Label selectors. Semantics: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""

from __future__ import annotations

from collections.abc import Mapping

from graph.document import Json
from graph.kinds.lenient import entries, strings


def equals_all(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a plain map selector (as of a Service) matches; an empty or missing one matches nothing."""
    if not isinstance(selector, dict) or not selector:
        return False
    return all(labels.get(key) == str(value) for key, value in selector.items())


def matches(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; an empty one matches everything, a missing (null) one nothing."""
    if not isinstance(selector, dict):
        return False
    wanted = selector.get("matchLabels")
    if isinstance(wanted, dict) and any(labels.get(k) != str(v) for k, v in wanted.items()):
        return False
    return all(_holds(expression, labels) for _, expression in entries(selector, "matchExpressions"))


def _holds(expression: Mapping[str, Json], labels: Mapping[str, str]) -> bool:
    """Evaluate one requirement; an operator that does not exist never holds."""
    value, values = labels.get(str(expression.get("key"))), strings(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False
