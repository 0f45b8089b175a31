"""All alert senders: no body, however odd, is more than unreadable."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.senders import SENDERS
from graph.codec import decode, encode
from graph.errors import Invalid
from graph.incident import Alert
from tools.adapters.delivery import Ignored

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)

_NAMES = st.sampled_from(
    [
        "event",
        "id",
        "event_type",
        "data",
        "type",
        "status",
        "title",
        "service",
        "summary",
        "priority",
        "custom_fields",
        "name",
        "value",
        "teams",
        "body",
        "details",
        "alerts",
        "created_at",
        "occurred_at",
        "messages",
        "action",
        "alert",
        "alertId",
        "alias",
        "tags",
        "createdAt",
        "updatedAt",
        "message",
        "labels",
        "annotations",
        "startsAt",
        "endsAt",
        "fingerprint",
        "commonLabels",
        "commonAnnotations",
        "truncatedAlerts",
        "externalURL",
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**18, max_value=10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(["incident", "incident.triggered", "Create", "firing", "resolved", "0001-01-01T00:00:00Z"]),
    st.sampled_from(["9999-12-31T23:59:59-23:59", "2026-05-04T10:00:00.123456789Z", "2026-99-99", "a:b", "=", ":"]),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAMES, inner, max_size=6)),
    max_leaves=20,
)
_SHAPED = st.one_of(
    st.fixed_dictionaries(
        {"event": st.fixed_dictionaries({"event_type": _SCALARS, "data": st.dictionaries(_NAMES, _JSON)})}
    ),
    st.fixed_dictionaries({"action": st.just("Create"), "alert": st.dictionaries(_NAMES, _JSON)}),
    st.fixed_dictionaries({"alerts": st.lists(st.dictionaries(_NAMES, _JSON), max_size=3)}),
    _JSON,
)


@pytest.mark.parametrize("name", list(SENDERS))
@settings(max_examples=150, deadline=None)
@given(body=st.one_of(st.binary(max_size=64), _SHAPED.map(lambda v: json.dumps(v).encode("utf-8", "surrogatepass"))))
def test_any_body_is_read_or_named_unreadable(name: str, body: bytes) -> None:
    """Nothing but `Invalid` comes out of a parser, a key is always found, and what is read can be stored."""
    sender = SENDERS[name]
    key = sender.delivery_key(body)
    assert 0 < len(key) <= 300
    assert key.isprintable()
    with contextlib.suppress(Invalid):
        sender.gaps(body)
    try:
        read: Any = sender.parse(body, received_at=NOW)
    except Invalid:
        return
    if isinstance(read, Ignored):
        assert read.reason
        return
    for alert in read:
        text = json.dumps(encode(alert), ensure_ascii=False).encode()
        assert b"\\u0000" not in text
        assert decode(Alert, json.loads(text)) == alert
