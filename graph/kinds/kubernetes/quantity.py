"""Equality of values that have many spellings: quantities, durations, times, image names. Knows no objects."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from math import ceil

from graph.document import Json

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i)|([numkMGTPE]))?")
_BINARY = {f"{letter}i": 1024**n for n, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DURATION = re.compile(r"(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+|0")
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS: dict[str, Fraction | int] = {
    "h": 3600,
    "m": 60,
    "s": 1,
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
_LONGEST = 64
"""No quantity or duration is longer; what is, is text that would only cost time."""
_DEFAULT_REGISTRIES = frozenset({"index.docker.io", "registry-1.docker.io", "docker.io"})


@lru_cache(maxsize=4096, typed=True)
def quantity(value: Json) -> Fraction | None:
    """Return a Kubernetes quantity as a number, rounded up to thousandths as the server does; None if it is none.

    >>> quantity("0.5") == quantity("500m"), quantity("1000M") == quantity("1Gi")
    (True, False)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    number, exponent, binary, decimal = match.groups()
    result = Fraction(number.rstrip("."))
    if exponent:
        result *= Fraction(10) ** int(exponent[1:])
    elif binary:
        result *= _BINARY[binary]
    elif decimal:
        result *= Fraction(10) ** _DECIMAL[decimal]
    return Fraction(ceil(result * 1000), 1000)


def duration(value: Json) -> Fraction | None:
    """Return a Go duration such as `1h30m` in seconds; None if it is none."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _DURATION.fullmatch(value):
        return None
    total = Fraction(0)
    for number, unit in _DURATION_PART.findall(value):
        total += Fraction(number.rstrip(".")) * _SECONDS[unit.replace("µ", "u")]
    return total


def instant(value: Json) -> datetime | None:
    """Return an RFC 3339 time in UTC; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip().replace(" UTC", "Z").replace(" ", "T"))
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def image(value: Json) -> Json:
    """Return the fully qualified name of a container image, as the container runtime completes it.

    >>> image("nginx") == image("docker.io/library/nginx:latest")
    True
    """
    if not isinstance(value, str) or not value:
        return value
    name, _, digest = value.partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", name
    if first in _DEFAULT_REGISTRIES:
        first = "docker.io"
        rest = rest if "/" in rest else f"library/{rest}"
    if digest:
        return f"{first}/{rest}@{digest}"
    return f"{first}/{rest}" if has_tag(rest) else f"{first}/{rest}:latest"


def has_tag(name: str) -> bool:
    """Whether an image name carries a tag; the colon of a registry's port is none."""
    return ":" in name.rpartition("/")[2]


def pull_policy(value: Json) -> str:
    """Return the imagePullPolicy that the server sets for an image when none is declared."""
    full = image(value)
    latest = isinstance(full, str) and "@" not in full and full.endswith(":latest")
    return "Always" if latest else "IfNotPresent"
