"""When two attribute values say the same in another spelling. Every tolerance has the id of its rule."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from graph.document import Json
from graph.kinds.aws.as_declared import same_protocol
from graph.kinds.terraform.plan import is_nothing
from graph.kinds.terraform.sensitive import is_masked

_DNS_NAMES = re.compile(
    r"(?:^|_)(?:fqdn|domain|domain_name|dns_name|host|hostname|endpoint|address|zone_name|records?)$"
)
_HOST = re.compile(r"(?:\*\.)?(?:[A-Za-z0-9_\-]{1,63}\.)+[A-Za-z0-9\-]{2,63}\.?")


def spelled_alike(attribute: str, one: Json, other: Json, identities: Mapping[str, str]) -> str | None:
    """Return the rule under which two different values mean the same, or None when they differ.

    Args:
        attribute: name of the attribute that holds the values or the list they stand in.
        one: a scalar or a whole value that has no counterpart.
        other: likewise.
        identities: ARN or id of a resource to its uid, for references in another spelling.
    """
    if (one is None or other is None) and is_nothing(one) and is_nothing(other):
        return "T08"
    if attribute in ("protocol", "ip_protocol") and same_protocol(one, other):
        return "T17"
    if not isinstance(one, str) or not isinstance(other, str):
        return "T17" if _as_text(one) is not None and _as_text(one) == _as_text(other) else None
    if is_masked(one) or is_masked(other):
        return None
    is_own = attribute in ("id", "arn", "key_id", "unique_id")
    if not is_own and one in identities and identities.get(one) == identities.get(other):
        return "T16"
    if not is_own and (_is_key_by_id(one, other) or _is_key_by_id(other, one)):
        return "T16"
    return "T17" if _normal(attribute, one) == _normal(attribute, other) else None


def _is_key_by_id(arn: str, key_id: str) -> bool:
    """Whether two texts name one KMS key, once by ARN and once by id."""
    return bool(re.fullmatch(r"arn:[\w-]+:kms:[^:]*:[0-9]*:key/" + re.escape(key_id), arn)) and "/" not in key_id


def _as_text(value: Json) -> str | None:
    """Return a scalar as old states spell it: all values were strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else str(value)
    return value if isinstance(value, str) else None


def _normal(attribute: str, value: str) -> str:
    for read in (_network, _moment):
        found = read(value)
        if found is not None:
            return found
    if _DNS_NAMES.search(attribute) and _HOST.fullmatch(value):
        return value.lower().rstrip(".")
    return value


def _network(value: str) -> str | None:
    if "/" not in value:
        return None
    try:
        return str(ipaddress.ip_network(value, strict=True))
    except ValueError:
        return None


def _moment(value: str) -> str | None:
    if not re.match(r"\d{4}-\d\d-\d\dT", value):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0).isoformat()
