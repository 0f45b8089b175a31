"""Whether two scalars of a type mean the same. Spelling is no difference; a guess is no equality."""

from __future__ import annotations

from graph.document import Json
from graph.kinds.kubernetes.quantity import duration, image, instant, quantity
from graph.kinds.kubernetes.schema import Shape, Type

_IMAGE_HOLDERS = frozenset({"Container", "EphemeralContainer"})


def same(x: Json, y: Json, kind: Type, owner: str, field: str) -> str | None:
    """Compare two scalars.

    Args:
        x: one value.
        y: the other value.
        kind: their type.
        owner: name of the struct type that holds them.
        field: name of the field.

    Returns:
        None when they differ, else the rule by which they are equal; empty when they are equal as they stand.
    """
    if _identical(x, y):
        return ""
    shape = kind.shape
    if shape is Shape.QUANTITY:
        return _by(quantity(x), quantity(y), "N04")
    if shape is Shape.TIME:
        return _by(instant(x), instant(y), "N06")
    if shape is Shape.STRING:
        if (field == "image" and owner in _IMAGE_HOLDERS) or (field == "reference" and owner == "ImageVolumeSource"):
            return _by(image(x), image(y), "N25")
        return _by(_text(x), _text(y), "N08")
    if shape is Shape.UNKNOWN:
        is_sized = any(isinstance(one, str) and one[-1:].isalpha() for one in (x, y))
        return _by(duration(x), duration(y), "N06") or (_by(quantity(x), quantity(y), "N04") if is_sized else None)
    return None


def _identical(x: Json, y: Json) -> bool:
    if isinstance(x, bool) or isinstance(y, bool):
        return x is y
    return bool(x == y)


def _by(x: object, y: object, rule: str) -> str | None:
    return rule if x is not None and x == y else None


def _text(value: Json) -> str | None:
    """Spell a scalar that YAML decoded as something else than the text the field holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None
