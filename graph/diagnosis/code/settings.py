"""Settings in code and configuration of any language: keys with plain values, and how they differ between two sides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from graph.diagnosis.code.patch import Line, Patch
from graph.diagnosis.code.quantity import amount

_KEY = r"[A-Za-z_$@][\w$.\-/]*"
_PLAIN = (
    r"\[?-?\d[\w.]*%?(?:/[a-z]+\b)?(?:\s*(?:\*|<<)\s*[\w.]+)*\]?|\"[^\"]*\"|'[^']*'|`[^`]*`|true\b|false\b|null\b"
    r"|\$\{\w+(?::[^}]*)?\}|nil\b|None\b|True\b|False\b"
    r"|[\w.:]+\.\w+\(\s*[\d.]+\s*\)(?:\s*\*\s*time\.\w+)?|[\w:]+\(\s*\w+\s*=\s*[\d.]+\s*\)|/[\w./{}-]*"
    r"|[A-Za-z_][\w./:-]*(?:\s*\*\s*\d+)?"
)
_FORMS = tuple(
    re.compile(form)
    for form in (
        # key: value, key = value, key := value, "key" => value; also with a type between, several on a line.
        rf"(?<![A-Za-z_$@])[\"'`]?(?P<key>{_KEY})[\"'`]?(?:\s*:\s*[A-Za-z][\w<>\[\]&.]*(?=\s*=)|\s+(?:u?int\d*|float\d*"
        rf"|string|bool|time\.Duration)(?=\s*=))?"
        rf"\s*(?::=|=>|=(?![=>])|:(?![:=]))\s*(?P<value>{_PLAIN})",
        # setter(5), key(Duration.ofSeconds(5)), timeout(5, TimeUnit.SECONDS)
        r"\.?(?P<key>[A-Za-z_]\w*)\(\s*(?P<value>-?\d[\w.]*(?:\s*(?:\*|<<)\s*[\w.]+)?(?:\s*,\s*TimeUnit\.\w+)?"
        r"|[\w.:]+\.\w+\(\s*[\d.]+\s*\)|true|false)\s*[,)]",
        # withTimeout(ctx, 2 * time.Second): what the name of the call tells, past its first arguments.
        r"(?<!\w)(?P<key>\w*(?:[Tt]ime_?[Oo]ut|[Dd]eadline|[Dd]elay|[Ii]nterval|[Rr]etr|[Ll]imit|[Pp]ool|[Mm]ax"
        r"|TTL|[Tt]tl|[Ee]xpir)\w*)"
        r"\([^()]*?,\s*(?P<value>-?\d[\w.]*(?:\s*\*\s*[\w.]+)?|[\w.:]+\.\w+\(\s*[\d.]+\s*\))\s*[,)]",
        # --key=value and -Xmx512m are found by the first form and this one.
        r"-(?P<key>Xm[xsn]|Xss)(?P<value>\d+[kmgKMG]?)",
        # nginx, redis, my.cnf: key value;
        r"^\s*(?P<key>[a-z][a-z_\-]{3,})\s+(?P<value>\d+[a-z]*|on|off|yes|no)\s*;?\s*$",
        # <key>value</key>
        r"<(?P<key>[\w.\-]+)>(?P<value>[^<>]+)</",
    )
)
_SECTION = re.compile(
    r"^\s*(?:-\s+)?(?:(?:variable|resource|module"
    r"|data)\s+)?[\"']?(?P<key>[\w.\-/]+)[\"']?(?:\s+[\"'][\w-]+[\"'])?\s*(?::|=)?\s*(?:[{(]|$)"
    r"|^\s*\[(?P<table>[\w.\-\"]+)\]\s*$"
)
_ITEM = re.compile(r"^\s*-\s*(?:\{\s*)?(?P<key>name|key|id|host|topic|path|match):\s*[\"']?(?P<name>[\w.\-/]+)[\"']?")
_INLINE = re.compile(r"^\s*(?:-\s+)?[\"']?(?P<key>[\w.\-/]+)[\"']?\s*(?::|=)\s*\{.*\}\s*,?\s*$")
"""A mapping on one line is the same as one on several."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A setting that has another value, came, or went."""

    key: str
    """Words in lower case, joined by `_`, with up to three levels above it before it"""
    before: str | None
    """None when it is new"""
    after: str | None
    """None when it is gone"""
    file: str

    @property
    def change(self) -> float | None:
        """The new amount as a multiple of the old one; above 1 for more; None when they can't be compared."""
        read = _cores if "cpu" in self.key else amount
        old, new = read(self.before or ""), read(self.after or "")
        if old is None or new is None:
            return None
        if old == 0 or new == 0:
            return float("inf") if new > old else 1.0 if new == old else 0.0
        return new / old


def _cores(text: str) -> float | None:
    """Cores of a processor: `500m` is half of one."""
    bare = text.strip("\"' ")
    if bare.endswith("m") and bare[:-1].isdigit():
        return int(bare[:-1]) / 1000
    return amount(bare)


def shifts(patch: Patch) -> tuple[Shift, ...]:
    """Return the settings that a patch changes, in the order of the patch: both sides are read with what surrounds
    them, so that what was only moved is no change."""
    before, after = _values(patch.side("-")), _values(patch.side("+"))
    found = []
    for whose in dict.fromkeys((*before, *after)):
        old, new, key = before.get(whose, ()), after.get(whose, ()), whose.key
        if set(old) == set(new):
            continue
        gone = [v for v in old if v not in new and not (not new and _is_computed(key, v.text, patch))]
        come = [v for v in new if v not in old]
        file = next((v.file for v in (*gone, *come)), "")
        pairs = zip(gone, come, strict=False)
        found += [Shift(key=key, before=a.text, after=b.text, file=file) for a, b in pairs]
        # Several that became one were put together.
        found += [Shift(key=key, before=a.text, after=None, file=file) for a in (() if come else gone)]
        found += [Shift(key=key, before=None, after=b.text, file=file) for b in come[len(gone) :]]
    found = list(_joined(found))
    found += _in_place(patch, {(s.before, s.after) for s in found})
    return tuple(s for s in _without_moved(found) if not _is_kept(s, patch))


def _is_name_of(shift: Shift, found: Sequence[Shift]) -> bool:
    """Whether a setting is now what another one, which came, is set to."""
    name = _normal([(shift.after or "").rsplit(".", 1)[-1]])
    return shift.before is not None and bool(name) and any(s.before is None and s.key.endswith(name) for s in found)


def _joined(found: Sequence[Shift]) -> Iterator[Shift]:
    """Join what went under one name and came under a longer one, each the only such: `timeout=5`, `geo_timeout: 3`."""
    gone = [s for s in found if s.after is None or _is_name_of(s, found)]
    come = [s for s in found if s.before is None]
    joined: dict[int, Shift] = {}
    for one in come:
        alike = [g for g in gone if g.key.rsplit("_", 1)[-1] in one.key.split("_")]
        if len(alike) == 1 and id(alike[0]) not in joined:
            joined[id(alike[0])] = replace(one, before=alike[0].before)
            joined[id(one)] = joined[id(alike[0])]
    for shift in found:
        if id(shift) not in joined:
            yield shift
        elif shift.before is None:
            yield joined[id(shift)]


_AMOUNT = re.compile(r"(?<![\w.\"'-])\d[\d_]*(?:\.\d+)?(?![\w.\"'])")


def _in_place(patch: Patch, known: set[tuple[str | None, str | None]]) -> Iterator[Shift]:
    """Yield numbers that differ in lines that are the same otherwise; what stands before such a number names it."""
    for old, new in patch.pairs():
        before, after = _AMOUNT.findall(old), _AMOUNT.findall(new)
        if len(before) != len(after) or _AMOUNT.sub("0", old) != _AMOUNT.sub("0", new):
            continue
        for place, was, now in zip(_AMOUNT.finditer(new), before, after, strict=True):
            words = re.findall(_KEY, new[: place.start()])[-_MOST_WORDS:]
            if was != now and (was, now) not in known and words and "(" in new[: place.start()]:
                yield Shift(key=_normal(words), before=was, after=now, file="")


_MOST_WORDS = 4


_DISTINCT = re.compile(r"^\d{2,}\w*$")


def _is_kept(shift: Shift, patch: Patch) -> bool:
    """Whether a first value stood among what went under another name, e.g. of the option of another library."""
    value = re.escape(shift.after or "")
    if shift.before is not None or not value[:1].isdigit():
        return False
    # A small number stands everywhere: it is the same only beside the same word.
    word = "" if _DISTINCT.match(shift.after or "") else rf"{re.escape(shift.key.rsplit('_', 1)[-1])}\W{{1,4}}"
    return any(
        re.search(rf"(?<![\w.]){word}{value}(?![\w.])" if not word else rf"{word}{value}(?![\w.])", line, re.IGNORECASE)
        for line in patch.removed
    )


def _is_computed(key: str, value: str, patch: Patch) -> bool:
    """Whether a setting that no longer has a plain value is now computed, with the old value as what"
    " it falls back to."""
    name = key.rsplit("_", 1)[-1]
    return any(name in line.lower() and re.search(rf"\b{re.escape(value)}\b", line) for line in patch.added)


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    file: str


class _Whose(NamedTuple):
    """What a value belongs to."""

    item: str
    """Name of the entry of a list; lists are put in order, and their entries stay what they are"""
    key: str


def _values(lines: Sequence[Line]) -> dict[_Whose, list[_Value]]:
    """Map a key to the values that it is given, in order."""
    found: dict[_Whose, list[_Value]] = {}
    above: list[tuple[int, str]] = []
    item, item_indent = "", 0
    for line in lines:
        while above and line.indent <= above[-1][0]:
            above.pop()
        if item and line.indent < item_indent:
            item = ""
        if name := _ITEM.match(line.text):
            item, item_indent = name["name"], line.indent
        inline = _INLINE.match(line.text)
        for key, value in _in_line(line.text):
            plain = item if key == "value" and item else key
            path = [k for _, k in above[-3:]] if plain is key else []
            path += [inline["key"]] if inline and plain is key and key != inline["key"] else []
            whose = _Whose("" if plain is item else item, _normal([*path[-3:], plain]))
            found.setdefault(whose, []).append(_Value(value, line.file))
        if section := _SECTION.match(line.text):
            above.append((line.indent, section["key"] or section["table"]))
    return found


def _in_line(text: str) -> Iterator[tuple[str, str]]:
    done: set[tuple[str, str]] = set()
    for form in _FORMS:
        for found in form.finditer(text):
            one = (found["key"], found["value"].strip().strip("\"'`[]"))
            if one not in done:
                done.add(one)
                yield one


def _normal(path: Iterable[str]) -> str:
    return "_".join(word.lower() for key in path for word in _WORD.findall(key))


def _without_moved(found: Sequence[Shift]) -> Iterator[Shift]:
    """Drop what went under one name and came under another with the same last word and the same value."""
    gone = {(s.key.rsplit("_", 1)[-1], s.before) for s in found if s.after is None}
    come = {(s.key.rsplit("_", 1)[-1], s.after) for s in found if s.before is None}
    for shift in found:
        value = shift.before if shift.after is None else shift.after
        is_half = shift.before is None or shift.after is None
        if not (is_half and (shift.key.rsplit("_", 1)[-1], value) in gone & come):
            yield shift
