"""How grave a log line is, from the fields that loggers and collectors give it, else from its own words."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIELDS = ("severity", "severity_text", "level", "detected_level", "log.level", "lvl", "loglevel", "status")
_NAMES = {
    "emerg": "fatal",
    "emergency": "fatal",
    "alert": "fatal",
    "crit": "fatal",
    "critical": "fatal",
    "fatal": "fatal",
    "panic": "fatal",
    "err": "error",
    "error": "error",
    "severe": "error",
    "warn": "warn",
    "warning": "warn",
    "notice": "info",
    "info": "info",
    "information": "info",
    "informational": "info",
    "debug": "debug",
    "trace": "trace",
}
_IN_TEXT = re.compile(
    r"""(?:^|["\s{,\[])(?:level|severity|lvl)["']?\s*[=:]\s*["']?(?P<field>\w+)"""
    r"|(?:^|[\s\[(|])(?P<word>FATAL|PANIC|CRITICAL|ERROR|WARN(?:ING)?|INFO|DEBUG|TRACE)(?:$|[\s\]):|])"
    r"|^(?P<klog>[IWEF])\d{4} ",
    re.MULTILINE,
)
_KLOG = {"I": "info", "W": "warn", "E": "error", "F": "fatal"}


def severity_of(fields: Mapping[str, object], text: str) -> str:
    """Return `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or empty when nothing tells it.

    >>> severity_of({"level": "WARNING"}, ""), severity_of({}, 'ts=1 level=error msg="x"'), severity_of({}, "E0102 x")
    ('warn', 'error', 'error')
    """
    for field in _FIELDS:
        found = _NAMES.get(str(fields.get(field, "")).lower())
        if found:
            return found
    match = _IN_TEXT.search(text[:400])
    if match is None:
        return ""
    return _KLOG.get(match["klog"] or "") or _NAMES.get((match["field"] or match["word"] or "").lower(), "")
