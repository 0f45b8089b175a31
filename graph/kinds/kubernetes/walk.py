"""Typed comparison of two objects: finds the tightest places where they differ.

Defaults are filled in where only one side has a field (rule N14), so neither side needs to be complete. A value that
the server derives from its own neighbours counts as a default too: an imagePullPolicy that follows from an altered
image is no second difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graph.document import ABSENT, Absent, Json, Object
from graph.kinds.kubernetes.difference import Difference, Place, Step
from graph.kinds.kubernetes.emptiness import is_nothing, is_unset, may_be_nothing
from graph.kinds.kubernetes.equality import same
from graph.kinds.kubernetes.expected import is_allocated
from graph.kinds.kubernetes.lists import ANY_ORDER, Pairing, align, match_anywhere, pair_by_key
from graph.kinds.kubernetes.locate import default_of, entry_key
from graph.kinds.kubernetes.schema import Shape, Type, metadata_type, resources_type

_SERVER_METADATA = frozenset(
    {
        "clusterName",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Rule N01; the namespace is part of the identity, not of the content."""

_OBJECT_FIELDS = frozenset({"apiVersion", "kind", "status"})
"""Identity, and what the platform reports (rule N02)."""

_UNIONS = frozenset(
    {
        "EnvVar",
        "EnvVarSource",
        "LifecycleHandler",
        "PersistentVolumeSpec",
        "Probe",
        "ServiceBackendPort",
        "Volume",
        "VolumeProjection",
    }
)
"""Structs of which one member is set: another member is one change, not a removal and an addition."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Comparison of two objects of one type."""

    kind: Type
    x_root: Object
    y_root: Object

    def differences(self) -> list[Difference]:
        """Return the places where the objects differ or are spelled differently."""
        return self._dict(self.kind, self.x_root, self.y_root, Place())

    def is_same(self, kind: Type, x: Json | Absent, y: Json | Absent, place: Place, *, completed: bool = False) -> bool:
        """Whether two values of a type mean the same at a place.

        Args:
            kind: their type.
            x: one value.
            y: the other one.
            place: where they are.
            completed: whether a server may have filled in fields of the second one that no schema describes.
        """
        if x is ABSENT or y is ABSENT:
            return x is y or is_nothing(y if x is ABSENT else x, kind, place.field, place.owner)
        found = self._value(kind, x, y, place)
        return not (_certain(found) if completed else _real(found))

    def _value(self, kind: Type, x: Json, y: Json, place: Place) -> list[Difference]:
        if isinstance(x, dict) and isinstance(y, dict):
            return [] if x == y else self._dict(kind, x, y, place)
        if isinstance(x, list) and isinstance(y, list):
            return [] if x == y else self._list(kind, x, y, place)
        if isinstance(x, dict | list) or isinstance(y, dict | list):
            return [Difference(place=place, x=x, y=y, kind=kind)]
        rule = same(x, y, kind, place.owner, place.field)
        return [] if rule == "" else [Difference(place=place, x=x, y=y, kind=kind, rule=rule or "")]

    def _dict(self, kind: Type, x: Object, y: Object, place: Place) -> list[Difference]:
        found: list[Difference] = []
        is_root = not place.steps
        for name in sorted(x.keys() | y.keys()):
            if kind.shape is Shape.MAP:
                found += self._entry(kind, name, x, y, place)
            elif _is_served(kind, name, place):
                continue
            elif is_root and name == "metadata":
                found += self._field(kind, name, x, y, place, metadata_type())
            elif kind.shape is Shape.UNKNOWN:
                found += self._open(kind, name, x, y, place)
            else:
                found += self._field(kind, name, x, y, place, kind.field(name))
        return found if is_root else _collapse(found, kind, x, y, place)

    def _entry(self, kind: Type, name: str, x: Object, y: Object, place: Place) -> list[Difference]:
        inside = place.into_key(kind, name)
        if name in x and name in y:
            return self._value(kind.item, x[name], y[name], inside)
        return [Difference(place=inside, x=x.get(name, ABSENT), y=y.get(name, ABSENT), kind=kind.item)]

    def _open(self, kind: Type, name: str, x: Object, y: Object, place: Place) -> list[Difference]:
        """Compare a field that no schema describes: nothing is assumed to be a default."""
        inside = place.into_field(kind, name)
        one, other = _get(x, name), _get(y, name)
        if one is ABSENT and other is ABSENT:
            return []
        if one is ABSENT or other is ABSENT:
            rule = "N09" if may_be_nothing(other if one is ABSENT else one) else ""
            return [Difference(place=inside, x=one, y=other, kind=kind.field(name), rule=rule)]
        inner = resources_type() if name == "resources" and _sizes(one) and _sizes(other) else kind.field(name)
        return self._value(inner, one, other, inside)

    def _field(self, kind: Type, name: str, x: Object, y: Object, place: Place, inner: Type) -> list[Difference]:
        one, other = _get(x, name), _get(y, name)
        if one is not ABSENT and other is not ABSENT and one != other and is_unset(one, inner, kind.name, name):
            # An explicit zero gets the default, too, where the server's type can't tell it from no value.
            one = ABSENT
        if one is ABSENT and other is ABSENT:
            return []
        inside = place.into_field(kind, name)
        if one is not ABSENT and other is not ABSENT:
            return self._value(inner, one, other, inside)
        if one is ABSENT and is_allocated(kind.name, name):
            return []
        own_x = default_of(kind, name, x, self.x_root, place.x)
        own_y = default_of(kind, name, y, self.y_root, place.y)
        present = other if one is ABSENT else one
        if inner.name == "ObjectMeta" and isinstance(present, dict):
            # A template without metadata has empty metadata, into which servers write their own fields.
            return self._dict(inner, {}, present, inside) if one is ABSENT else self._dict(inner, present, {}, inside)
        if own_x is ABSENT and own_y is ABSENT and is_nothing(present, inner, name, kind.name):
            # Custom resources keep an explicit zero; that it means the same as none is likely, not certain.
            is_kept = not kind.name and not isinstance(present, dict)
            return [Difference(place=inside, x=one, y=other, kind=inner, rule="N09")] if is_kept else []
        for value in (own_x, own_y):
            if value is not ABSENT and not _real(self._value(inner, value, present, inside)):
                return []
        if one is ABSENT and own_x is not ABSENT:
            return self._value(inner, own_x, other, place.into_field(kind, name, is_default=True))
        if other is ABSENT and own_y is not ABSENT and not isinstance(one, dict | list):
            return self._value(inner, one, own_y, inside)
        return [] if is_nothing(present, inner, name, kind.name) else self._only(inner, one, other, inside)

    def _only(self, kind: Type, x: Json | Absent, y: Json | Absent, place: Place) -> list[Difference]:
        """Report a field that only one object has: additions to collections one by one, all else as a whole."""
        if x is ABSENT and kind.shape is Shape.LIST_MAP and isinstance(y, list) and _all_objects(y):
            return self._list_map(kind, [], y, place, whole=False)
        if x is ABSENT and isinstance(y, dict) and place.field in ("labels", "annotations"):
            return [d for name in sorted(y) for d in self._entry(kind, name, {}, y, place)]
        return [Difference(place=place, x=x, y=y, kind=kind)]

    def _list(self, kind: Type, x: list[Json], y: list[Json], place: Place) -> list[Difference]:
        if kind.shape is Shape.LIST_MAP and _all_objects(x) and _all_objects(y):
            return self._list_map(kind, x, y, place)
        if kind.shape is Shape.SET:
            return self._set(kind, x, y, place)
        return self._atomic(kind, x, y, place)

    def _list_map(
        self, kind: Type, x: list[Json], y: list[Json], place: Place, *, whole: bool = True
    ) -> list[Difference]:
        keys_x = [entry_key(kind, e, self.x_root, place.x) for e in x]
        keys_y = [entry_key(kind, e, self.y_root, place.y) for e in y]

        def equal(a: Json, b: Json) -> bool:
            return not _real(self._value(kind.item, a, b, place))

        pairing = pair_by_key(x, y, keys_x, keys_y, equal)
        found: list[Difference] = []
        for i, j in pairing.pairs:
            inside = place.into_entry(Step(kind, key=keys_x[i]), i, j)
            found += self._value(kind.item, x[i], y[j], inside)
        if [j for _, j in pairing.pairs] != sorted(j for _, j in pairing.pairs):
            rule = "N12" if place.field == "env" else "N11"
            found.append(Difference(place=place, x=x, y=y, kind=kind, rule=rule, is_order=True))
        pairing, renamed = self._renamed(kind, x, y, keys_x, pairing, place)
        found += renamed
        if whole and not y and len(pairing.only_x) > 1:
            return [Difference(place=place, x=x, y=y, kind=kind)]
        for i in pairing.only_x:
            inside = place.into_entry(Step(kind, key=keys_x[i]), i, None)
            found.append(Difference(place=inside, x=x[i], kind=kind.item))
        for j in pairing.only_y:
            inside = place.into_entry(Step(kind, key=keys_y[j]), None, j)
            found.append(Difference(place=inside, y=y[j], kind=kind.item))
        return found

    def _renamed(
        self, kind: Type, x: list[Json], y: list[Json], keys_x: list[tuple[Json, ...]], pairing: Pairing, place: Place
    ) -> tuple[Pairing, list[Difference]]:
        """Pair entries without a partner that differ in their key only: it was changed.

        Fields that no schema describes don't count: a newer server may have filled them in.
        """
        only_x, only_y = list(pairing.only_x), list(pairing.only_y)
        found: list[Difference] = []
        for i in pairing.only_x:
            for j in only_y:
                inside = place.into_entry(Step(kind, key=keys_x[i]), i, j)
                changed = _real(self._value(kind.item, x[i], y[j], inside))
                known = _certain(changed)
                if len(known) == 1 and known[0].place.field in kind.keys:
                    found += changed
                    only_x.remove(i)
                    only_y.remove(j)
                    break
        return Pairing(pairing.pairs, only_x, only_y), found

    def _set(self, kind: Type, x: list[Json], y: list[Json], place: Place) -> list[Difference]:
        pairing = match_anywhere(x, y, lambda a, b: bool(a == b))
        return self._paired(kind, x, y, pairing, place)

    def _atomic(self, kind: Type, x: list[Json], y: list[Json], place: Place) -> list[Difference]:
        def equal(a: Json, b: Json) -> bool:
            return not _certain(self._value(kind.item, a, b, place))

        anywhere = match_anywhere(x, y, equal)
        if not (anywhere.pairs or anywhere.only_x or anywhere.only_y):
            found = self._filled_in(kind, x, y, anywhere, place)
            if _real_order(x, y, equal):
                rule = "N11" if (place.owner, place.field) in ANY_ORDER else ""
                found.append(Difference(place=place, x=x, y=y, kind=kind, rule=rule, is_order=True))
            return found
        is_unordered = (place.owner, place.field) in ANY_ORDER
        return self._paired(kind, x, y, anywhere if is_unordered else align(x, y, equal), place)

    def _paired(self, kind: Type, x: list[Json], y: list[Json], pairing: Pairing, place: Place) -> list[Difference]:
        if len(pairing.only_x) + len(pairing.only_y) > 1:
            return [Difference(place=place, x=x, y=y, kind=kind)]
        found = self._filled_in(kind, x, y, pairing, place)
        for i, j in pairing.pairs:
            found += self._value(kind.item, x[i], y[j], place.into_entry(Step(kind, position=i), i, j))
        for i in pairing.only_x:
            inside = place.into_entry(Step(kind, position=i), i, None)
            found.append(Difference(place=inside, x=x[i], kind=kind.item))
        for j in pairing.only_y:
            inside = place.into_entry(Step(kind, position=j), None, j)
            found.append(Difference(place=inside, y=y[j], kind=kind.item))
        return found

    def _filled_in(self, kind: Type, x: list[Json], y: list[Json], pairing: Pairing, place: Place) -> list[Difference]:
        """Return what a server may have filled in of entries that are alike but for that."""
        found: list[Difference] = []
        for i, j in pairing.alike:
            if x[i] != y[j]:
                found += self._value(kind.item, x[i], y[j], place.into_entry(Step(kind, position=i), i, j))
        return [d for d in found if d.may_be_filled_in and not d.rule]


def _get(own: Object, name: str) -> Json | Absent:
    value = own.get(name)
    return ABSENT if value is None else value


def _all_objects(entries: list[Json]) -> bool:
    return all(isinstance(entry, dict) for entry in entries)


def _real(found: list[Difference]) -> list[Difference]:
    return [d for d in found if not d.rule]


def _certain(found: list[Difference]) -> list[Difference]:
    """Leave out what a server newer than the schemas may have filled in."""
    return [d for d in _real(found) if not d.may_be_filled_in]


def _real_order(x: list[Json], y: list[Json], equal: Callable[[Json, Json], bool]) -> bool:
    """Whether equal entries stand in another order, rather than being spelled differently in the same order."""
    return not all(equal(a, b) for a, b in zip(x, y, strict=True))


def _is_served(kind: Type, name: str, place: Place) -> bool:
    """Whether the server writes this field for itself (rules N01, N02)."""
    if kind.name == "ObjectMeta":
        return name in _SERVER_METADATA or (name in ("name", "generateName") and len(place.steps) == 1)
    return name in _OBJECT_FIELDS and (not place.steps or kind.name == "PersistentVolumeClaim")


def _sizes(value: Json) -> bool:
    return isinstance(value, dict) and bool({"limits", "requests"} & value.keys())


def _collapse(found: list[Difference], kind: Type, x: Object, y: Object, place: Place) -> list[Difference]:
    """Report one difference for the whole struct where its parts are one change."""
    real = _certain(found)
    if len(real) < 2 or kind.name == "ObjectMeta" or place.field in ("labels", "annotations"):
        return found
    is_swapped = (
        kind.name in _UNIONS
        and any(d.x is ABSENT and d.place.owner == kind.name for d in real)
        and any(d.y is ABSENT and d.place.owner == kind.name for d in real)
    )
    if x and y and not is_swapped:
        return found
    return [Difference(place=place, x=x, y=y, kind=kind)]
