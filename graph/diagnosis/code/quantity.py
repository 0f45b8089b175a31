"""Amounts as people write them: `15 * time.Minute`, `512Mi`, `Duration.ofSeconds(3)`, `1h30m`, `64 << 20`, `20%`."""

from __future__ import annotations

import math
import re

_SECONDS = {
    "ns": 1e-9,
    "nano": 1e-9,
    "nanosecond": 1e-9,
    "us": 1e-6,
    "micro": 1e-6,
    "ms": 0.001,
    "milli": 0.001,
    "millisecond": 0.001,
    "msec": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}
_BYTES = {
    "k": 1e3,
    "kb": 1e3,
    "ki": 2.0**10,
    "kib": 2.0**10,
    "mb": 1e6,
    "mi": 2.0**20,
    "mib": 2.0**20,
    "g": 1e9,
    "gb": 1e9,
    "gi": 2.0**30,
    "gib": 2.0**30,
    "t": 1e12,
    "tb": 1e12,
    "ti": 2.0**40,
}
_NUMBER = r"-?\d[\d_]*(?:\.\d+)?(?:[eE]\d+)?"
_PART = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z]*)")
_CALLED = re.compile(
    rf"(?:of|from_?|::|\.|\()?(?P<unit>[A-Za-z]+)\(\s*(?P<number>{_NUMBER})\s*\)"
    rf"|(?P<key>\w+)\s*=\s*(?P<value>{_NUMBER})"
)
_NAMED = re.compile(r"(?:time|Duration|TimeUnit|ChronoUnit)\.(?P<unit>\w+)")
_TURNED = re.compile(rf"^(?:time|Duration)\.(?P<unit>\w+)\s*\*\s*(?P<number>{_NUMBER})$")
_BARE = re.compile(
    r"^(?:(?:time|Duration|TimeUnit|ChronoUnit)\.)?(?P<unit>(?:micro|milli|nano)?seconds?|minutes?|hours?|days?)$",
    re.IGNORECASE,
)
_PRODUCT = re.compile(rf"^{_NUMBER}(?:\s*\*\s*{_NUMBER})+$")
_CAST = re.compile(rf"^[\w.]+\(\s*(?P<number>{_NUMBER})\s*\)\s*\*\s*time\.(?P<unit>\w+)$")
_RATE = re.compile(rf"^(?P<number>{_NUMBER})\s*[a-z]*/(?P<unit>s|sec|second|m|min|minute|h|hour|d|day)$")
_SHIFTED = re.compile(r"^(\d+)\s*<<\s*(\d+)$")


def amount(text: str) -> float | None:
    """Return what a value amounts to: seconds for times, bytes for sizes, else the number.

    >>> amount("15 * time.Minute"), amount("300ms"), amount("Duration.ofSeconds(3)"), amount("1h30m"), amount("1 << 10")
    (900.0, 0.3, 3.0, 5400.0, 1024.0)
    >>> amount("time.Minute"), amount("second")
    (60.0, 1.0)
    >>> amount("50r/s"), amount("120/m"), amount("time.Duration(24) * time.Hour")
    (50.0, 2.0, 86400.0)
    >>> amount("512Mi") == 512 * 2**20, amount("5, TimeUnit.MINUTES"), amount("v2"), amount("none")
    (True, 300.0, None, None)
    """
    text = text.strip().strip("\"'`[]")
    if cast := _CAST.match(text):
        return float(cast["number"].replace("_", "")) * _unit(cast["unit"])
    if rate := _RATE.match(text):
        return float(rate["number"].replace("_", "")) / _unit(rate["unit"])
    if shifted := _SHIFTED.match(text):
        return float(int(shifted[1]) << min(int(shifted[2]), 60))
    if _PRODUCT.match(text):
        return math.prod(float(n.replace("_", "")) for n in re.findall(_NUMBER, text))
    if called := _CALLED.search(text):
        number = float((called["number"] or called["value"]).replace("_", ""))
        return number * _unit((called["unit"] or called["key"]).lower().removeprefix("of").removeprefix("from_"))
    if turned := _TURNED.match(text):
        return float(turned["number"].replace("_", "")) * _unit(turned["unit"])
    if bare := _BARE.match(text):
        return _unit(bare["unit"])
    if not text[:1].isdigit() and not text.startswith("-"):
        return None
    if named := _NAMED.search(text):
        first = _PART.match(text)
        return float(first["number"].replace("_", "")) * _unit(named["unit"]) if first else None
    parts = list(_PART.finditer(text))
    if not parts or re.search(r"\d\.\d+\.\d", text):
        return None
    return sum(float(p["number"].replace("_", "")) * _unit(p["unit"]) for p in parts)


def _unit(name: str) -> float:
    if name in ("M", "MB"):
        return 1e6
    key = name.lower()
    for table in (_SECONDS, _BYTES):
        for form in (key, key.removesuffix("s")):
            if form in table:
                return table[form]
    return 1.0
