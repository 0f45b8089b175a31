"""A mapping that is changed by making another one: a large part that is shared, and a small part that is different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST_ON_TOP = 4_000
"""Entries in the small part; above that the two are made one, which takes some milliseconds per 100,000 entries."""


class Layers(Mapping[K, V], Generic[K, V]):
    """An immutable mapping. `changed` costs as much as what was changed lately, not as much as everything.

    >>> one = Layers({"a": 1, "b": 2})
    >>> two = one.changed({"b": None, "c": 3})
    >>> dict(one), dict(two)
    ({'a': 1, 'b': 2}, {'a': 1, 'c': 3})
    """

    __slots__ = ("_base", "_count", "_top")

    def __init__(self, base: dict[K, V], top: dict[K, V | None] | None = None, *, count: int | None = None) -> None:
        """Take over `base`, which nobody may change any more; None in `top` stands for a key that is gone.

        `count` is the number of keys, which only with a `top` has to be given.
        """
        self._base = base
        self._top = top or {}
        self._count = len(base) if count is None else count

    def changed(self, updates: Mapping[K, V | None]) -> Layers[K, V]:
        """Return a mapping with other values for some keys; None removes one."""
        if not updates:
            return self
        top = {**self._top, **updates}
        if len(top) <= _MOST_ON_TOP:
            count = self._count + sum((value is not None) - (key in self) for key, value in updates.items())
            return Layers(self._base, top, count=count)
        base = {k: v for k, v in self._base.items() if k not in top}
        base.update((k, v) for k, v in top.items() if v is not None)
        return Layers(base)

    def __getitem__(self, key: K) -> V:
        if key in self._top:
            found = self._top[key]
            if found is None:
                raise KeyError(key)
            return found
        return self._base[key]

    def __contains__(self, key: object) -> bool:
        return self._top[key] is not None if key in self._top else key in self._base

    def __iter__(self) -> Iterator[K]:
        if not self._top:
            return iter(self._base)
        kept = (k for k in self._base if self._top.get(k, self) is not None)
        return chain(kept, (k for k, v in self._top.items() if v is not None and k not in self._base))

    def __len__(self) -> int:
        return self._count
