"""Addresses in settings: where the text around a name says that it is one. Knows no platform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

_ADDRESS = re.compile(
    r"(?P<url>(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?:[^\s/@\"']*@)?)?"
    r"(?<![\w.\-])(?P<host>[A-Za-z0-9](?:[A-Za-z0-9_\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9\-]+)*)\.?"
    r"(?::(?P<port>[0-9]{1,5})(?![0-9A-Za-z]))?(?![A-Za-z0-9\-])"
)
_SAYS_ADDRESS = re.compile(
    r"(?:^|[_.\-])(?:hosts?|hostname|addr|address|urls?|uri|endpoints?|servers?|dsn|brokers?)$", re.IGNORECASE
)
_KEY_BEFORE = re.compile(r"([A-Za-z0-9_.\-]+)[\"']?\s*[:=]\s*[\"']?$")
_SCHEME_PORTS = {
    "http": "80",
    "https": "443",
    "redis": "6379",
    "postgres": "5432",
    "postgresql": "5432",
    "mysql": "3306",
    "mongodb": "27017",
    "amqp": "5672",
    "kafka": "9092",
}

STATED, NAMED = 0.95, 0.7
"""Confidence of a name that stands in an address, and of one that only stands where an address is expected."""


class Place(Enum):
    """Where a setting stands."""

    VARIABLE = "variable"
    ARGUMENT = "argument"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value that a container sees."""

    place: Place
    name: str
    """Name of the variable or file; for an argument the flag before it."""
    value: str
    path: str
    """JSON pointer into the body of the workload or service that brings the value in."""
    source: str = ""
    """uid of the ConfigMap that holds the value; empty when the workload holds it itself."""
    key: str = ""
    """Key in that ConfigMap."""


class Mention(NamedTuple):
    """One address in a setting."""

    host: str
    """Lower case, as written: a name or a DNS name that begins with one."""
    port: str
    """Empty where neither the value nor its scheme tells."""
    confidence: float


def mentions(setting: Setting, names: frozenset[str]) -> Iterator[Mention]:
    """Yield the places in a setting's value where one of the names stands as an address.

    Args:
        setting: what a program is told.
        names: lower case; what can be called.
    """
    for line in setting.value.splitlines() if setting.place is Place.FILE else (setting.value,):
        for match in _ADDRESS.finditer(line):
            host = match["host"].lower()
            # The second part is the Service where the first one is a pod of a headless one.
            if names.isdisjoint(host.split(".")[:2]):
                continue
            # A name after a slash that ends no scheme is part of a path.
            if not match["url"] and match.start("host") and line[match.start("host") - 1] == "/":
                continue
            mention = _weigh(setting, line, match, host)
            if mention:
                yield mention


def hosts(setting: Setting) -> Iterator[str]:
    """Yield all that could be a host in a setting's value, in lower case: every `host` of `mentions` is among them."""
    return (match["host"].lower() for match in _ADDRESS.finditer(setting.value))


def _weigh(setting: Setting, line: str, match: re.Match[str], host: str) -> Mention | None:
    port = match["port"] or _SCHEME_PORTS.get((match["scheme"] or "").lower(), "")
    if match["url"] or host.count(".") >= 2:
        return Mention(host, port, STATED)
    key = _KEY_BEFORE.search(line, 0, match.start("host"))
    named = key[1] if key else setting.name if setting.place is not Place.FILE else ""
    expected = bool(_SAYS_ADDRESS.search(named))
    if match["port"]:
        certain = expected or setting.place is not Place.FILE
        return Mention(host, port, STATED if certain else NAMED)
    rest = line[match.end() :]
    if expected and (not rest or rest[0] in "\"', ;/)]}"):
        return Mention(host, "", NAMED if setting.place is not Place.FILE else STATED)
    return None
