"""Posted change events to changes: CloudEvents in all modes, bare CDEvents, PagerDuty change events. Pure parsing.

Whoever calls this has checked who sent the request.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from graph.change import Change
from graph.document import Json, Object, digest
from graph.errors import Invalid
from tools.adapters.change_event import read_cdevent, read_cloud_event
from tools.adapters.documents import Broken, decode, read_json
from tools.adapters.timestamps import read_time

MAX_EVENTS: Final = 1000
"""Events in one batch."""
_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_IDENTITIES: Final = ("k8s://", "tf://", "arn:")


def parse_change_event(headers: Mapping[str, str], body: bytes, *, received_at: datetime | None = None) -> list[Change]:
    """Return the changes that a request tells of; empty when it tells of something that is no change.

    Args:
        headers: of the request; names in any case.
        body: as received.
        received_at: UTC; taken as the time of an event that names none.

    Raises:
        Invalid: it can't be understood; the message says why.
    """
    names = {name.lower(): value for name, value in headers.items()}
    media = names.get("content-type", "").partition(";")[0].strip().lower()
    if "ce-specversion" in names:
        return read_cloud_event(_binary(names, media, body), received_at=received_at)
    value = _json(body)
    if isinstance(value, list) and media in {_BATCH, "application/json", ""}:
        return _batch(value, received_at)
    if not isinstance(value, dict):
        raise Invalid("the body is no JSON object")
    if media == _STRUCTURED or "specversion" in value:
        return read_cloud_event(_with_data(value), received_at=received_at)
    if "context" in value and "subject" in value:
        return read_cdevent(value, received_at=received_at)
    if isinstance(value.get("payload"), dict):
        return [read_pagerduty_change(value, received_at=received_at)]
    raise Invalid("neither a CloudEvent, a CDEvent nor a PagerDuty change event")


def read_pagerduty_change(event: Object, *, received_at: datetime | None = None) -> Change:
    """Read a change event of the PagerDuty Events API v2. Its routing key is a secret and goes nowhere.

    Raises:
        Invalid: the summary is missing, or there is no time.
    """
    payload = event["payload"]
    summary = payload.get("summary")
    if not isinstance(summary, str) or not summary:
        raise Invalid("payload.summary is missing or no text")
    at = read_time(payload.get("timestamp")) or received_at
    if at is None:
        raise Invalid("the event names no time")
    details = payload.get("custom_details")
    named = details if isinstance(details, dict) else {}
    texts = [v for v in details.values() if isinstance(v, str)] if isinstance(details, dict) else []
    links = event.get("links")
    hrefs = [link.get("href") for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return Change(
        id=f"event-{digest([payload, hrefs])[:16]}",
        uid=next((text for text in texts if text.startswith(_IDENTITIES)), ""),
        kind="other",
        latest=at,
        summary=summary[:1024],
        source="http",
        reference=next((href for href in hrefs if isinstance(href, str)), ""),
        environment=next((v for v in (named.get("environment"), named.get("env")) if isinstance(v, str)), ""),
    )


def _batch(events: list[Json], received_at: datetime | None) -> list[Change]:
    if len(events) > MAX_EVENTS:
        raise Invalid(f"a batch of {len(events)} events; at most {MAX_EVENTS} are taken")
    changes: list[Change] = []
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            raise Invalid(f"event {index} of the batch is no object")
        changes += read_cloud_event(_with_data(event), received_at=received_at)
    return changes


def _binary(headers: Mapping[str, str], media: str, body: bytes) -> Object:
    envelope: Object = {n.removeprefix("ce-"): unquote(v) for n, v in headers.items() if n.startswith("ce-")}
    if body and (media in {"", "application/json"} or media.endswith("+json")):
        envelope["data"] = _json(body)
    return envelope


def _with_data(envelope: Object) -> Object:
    """Return the event with `data_base64` unpacked where it holds JSON."""
    packed = envelope.get("data_base64")
    media = envelope.get("datacontenttype", "application/json")
    if "data" in envelope or not isinstance(packed, str) or not str(media).partition(";")[0].endswith("json"):
        return envelope
    try:
        return {**envelope, "data": json.loads(base64.b64decode(packed, validate=True))}
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Invalid("data_base64 holds no JSON") from error


def _json(body: bytes) -> Json:
    read = read_json(decode(body))
    if isinstance(read, Broken):
        raise Invalid(read.reason, line=read.line)
    return read.value
