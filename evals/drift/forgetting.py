"""A product that knows less than the server: to it, a server of today is one of years to come.

Fields with a default are taken out of the schema and of the table of defaults. What the server then fills in is new to
the product, with the ownership that a real server keeps of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from graph.kinds.kubernetes import defaults, schema

_KEPT = frozenset({("ContainerPort", "protocol"), ("ServicePort", "protocol")})
"""Keys of lists: a later version adds none to a list that there is."""
_PARTS = frozenset(
    {
        *("behavior", "conversion", "resources", "rollingUpdate", "scaleDown", "scaleUp"),
        *("securityContext", "strategy", "updateStrategy"),
    }
)
"""Structs in which people declare fields that are older."""
_OLD = frozenset({"Namespace", "ObjectMeta", "Secret"})
"""Types whose defaults are in every version."""


@contextmanager
def forgotten(share: float, chooser: random.Random) -> Iterator[int]:
    """Let the product know nothing of some fields, and of all again afterwards.

    Args:
        share: how many of the fields with a default, 0 to 1.
        chooser: decides which ones.

    Yields:
        The number of fields.
    """
    rows = sorted({(kind, field) for kind, field, _ in defaults.known_defaults()})
    able = [r for r in rows if r not in _KEPT and r[0] not in _OLD and r[1] not in _PARTS]
    gone = set(chooser.sample(able, round(len(able) * share)))
    tables = (defaults._CONSTANT, defaults._COMPUTED)
    kept = [{kind: dict(fields) for kind, fields in table.items()} for table in tables]
    schema._definitions.cache_clear()
    try:
        for kind, field in gone:
            for table in tables:
                table.get(kind, {}).pop(field, None)
        for minor in (schema.OLDEST_MINOR, schema.LATEST_MINOR):
            for name, raw in schema._definitions(minor).raw.items():
                for field in [f for f in raw.get("properties", ()) if (name.rpartition(".")[2], f) in gone]:
                    del raw["properties"][field]
        yield len(gone)
    finally:
        for table, whole in zip(tables, kept, strict=True):
            table.clear()
            table.update(whole)
        schema._definitions.cache_clear()
