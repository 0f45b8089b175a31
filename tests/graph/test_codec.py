"""Values come back from JSON as they went in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.action import FieldEdit
from graph.codec import decode, encode
from graph.document import ABSENT
from graph.environment import SourceState
from graph.evidence import ObservationKind, SymptomEvent
from graph.incident import Alert
from graph.version import Unreadable
from tests.app.store import samples

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just(ABSENT)
_KEYS = st.sampled_from(["$absent", "$literal", "a", "b"]) | st.text(max_size=3)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3))


@given(_JSON, _JSON)
def test_any_json_comes_back(before: Any, after: Any) -> None:
    """Absent values and objects that look like their marks, too."""
    edit = FieldEdit(path="/a", before=before, after=after)
    assert decode(FieldEdit, json.loads(json.dumps(encode(edit)))) == edit


_VALUES = (
    samples.plan(),
    samples.blast(),
    samples.diagnosis(),
    samples.change(),
    samples.alert(ended_at=samples.T0),
    samples.snapshot(samples.document(timeout="5s"), unreadable=(Unreadable(where="x", reason="y", line=3),)),
    SourceState(name="s", facet=None, read_at=samples.T0, error=""),
    SymptomEvent(kind=ObservationKind.METRIC, resource="r", at=None, text="\ud800", value=1.5),
)


@pytest.mark.parametrize("value", _VALUES, ids=lambda value: type(value).__name__)
def test_every_stored_kind_comes_back(value: Any) -> None:
    """With its enums, times, tuples and absent values."""
    assert decode(type(value), json.loads(json.dumps(encode(value)))) == value


def test_missing_field_takes_its_default() -> None:
    """A row that was written before a field existed can be read."""
    alert = replace(samples.alert(), labels={})
    stored = encode(alert)
    del stored["labels"], stored["url"]
    assert decode(Alert, stored) == alert


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(samples.T0.replace(tzinfo=None), id="time without a zone"),
        pytest.param({1: 2}, id="number as key"),
        pytest.param(b"x", id="bytes"),
        pytest.param(object(), id="object"),
    ],
)
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    """Rather than stored as something else."""
    with pytest.raises(TypeError):
        encode(value)
