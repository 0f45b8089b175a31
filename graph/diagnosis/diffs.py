"""What a diff does to a running system, read from the lines that it removes and adds. No language is parsed.

Lines are compared as bags of words: what stands in both the removed and the added lines was moved, not changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """A way in which a change of code or configuration makes a system behave differently."""

    GROWS_WITHOUT_BOUND = "keeps what it sees in memory without a bound"
    CALLS_IN_LOOP = "makes a call for each item of a list"
    QUERIES_NEW_TABLE = "reads a table that it brings no migration for"
    CACHES_SHORTER = "keeps cached entries for a shorter time"
    DROPS_CACHE = "no longer uses a cache"
    WAITS_SHORTER = "gives up sooner"
    WAITS_LONGER = "waits longer or without end"
    RETRIES_MORE = "tries more often"
    POOLS_FEWER = "has fewer connections or workers"
    LIMITS_LOWER = "may use less memory or CPU"
    BATCHES_MORE = "does more at a time"
    RENAMES = "renames a field, key or constant that others use"
    BUMPS_DEPENDENCY = "uses another version of a library"
    LOCKS = "takes a lock"
    SLEEPS = "sleeps"
    DROPS_GUARD = "no longer checks something"
    DROPS_INDEX = "drops an index or a bound of a query"
    CHANGES_ACCESS = "changes who may do what"
    CHANGES_VALUE = "changes a setting"
    RAISES = "raises an error that it did not raise"
    CHANGES_LOGIC = "changes what is computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffReading:
    """What was read from one diff."""

    effects: frozenset[Effect]
    words: frozenset[str]
    """Lower-case words that it adds or removes; those that it only moves are not in it."""
    is_cosmetic: bool
    """Nothing that runs changed: comments, order, layout, documents, tests."""


_QUIET_FILES = re.compile(
    r"(^|/)(docs?|testdata|tests?|__tests__|\.github|examples?)/|_test\.\w+$|\.test\.\w+$|test_\w+\.py$|\.md$|\.txt$"
    r"|(^|/)(CODEOWNERS|LICENSE|README|CHANGELOG|Makefile|\.gitignore|\.golangci\.ya?ml)|\.(css|scss|svg|png)$|/theme\.ts$"
)
_COMMENT = re.compile(r"^\s*(//|#(?!include)|/\*|\*|--\s|<!--)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LOOP = re.compile(r"\b(for|foreach|while)\b|\.(forEach|map|each|iter)\(")
_REMOTE = re.compile(
    r"\b(await|fetch)\b|\b(ctx|context)\b[^\n]*\)|\.(query|execute|get|find|load|fetch|request|call|send|post|read)\w*\(",
    re.IGNORECASE,
)
_SQL = re.compile(r"\b(?:from|join|into|update)\s+[\"'`]?([a-z_][\w.]+)", re.IGNORECASE)
_MIGRATION = re.compile(r"migrat|\.sql$|schema", re.IGNORECASE)
_GLOBAL = re.compile(
    r"^(?:var|static|let|const|private static|public static)\s+(?:\w+\s+)*?(\w+)\s*(?:[:=]|\[\]|map\[|<)"
    r"|^(\w+)\s*(?::\s*\w+)?\s*=\s*(?:\[\]|\{\}|dict\(|list\(|defaultdict|new )"
)
_KEEPS = re.compile(r"append\(|\.append\(|\.push\(|\.add\(|\.put\(|\.set\(|\[[^\]]+\]\s*=(?!=)")
_BOUND = re.compile(
    r"lru|evict|max_?(size|entries|len)|capacity|limit|bounded|\bttl|expire|\bring|trim|maxlen", re.IGNORECASE
)
_SETTING = re.compile(
    r"^[\s\"'-]*(?P<key>[\w.\- ]*\w)[\"']?\s*[:=]\s*"
    r"(?P<value>-?\d[^\s,;]*(?:\s*\*\s*[\w.]+)?|[\"'][^\"']*[\"']|true|false|[A-Za-z][\w-]*)\s*[,;]?\s*$"
)
"""A key and a plain value: a number with its unit, a text, a word; not what a variable is computed to."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = {
    "ms": 0.001, "millisecond": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
    "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0,
}  # fmt: skip
_QUANTITY = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?:\*\s*)?(?:time\.|Duration\.|TimeUnit\.)?(?P<unit>[A-Za-z]*)")
_PACKAGE = re.compile(
    r"^\s*[\"']?(?P<name>[@\w./-]+?)[\"']?\s*(?:==|>=|~=|\^|[:=@ ]|\s)\s*[\"'^~v=]*(?P<version>\d+(?:\.\d+)+)"
)
_MANIFESTS = re.compile(
    r"(go\.mod|go\.sum|requirements[\w-]*\.txt|package(-lock)?\.json|pom\.xml|build\.gradle|Cargo\.toml|pyproject\.toml|Gemfile)$"
)
_ACCESS = re.compile(
    r"\b(role|permission|policy|allow|deny|auth|token|scope|acl|rbac|secret|credential)", re.IGNORECASE
)


def read_diff(diff: str, files: Sequence[str]) -> DiffReading:
    """Read a diff.

    Args:
        diff: unified diff, with or without file headers; untrusted.
        files: paths that it touches.
    """
    removed, added = _lines(diff, "-"), _lines(diff, "+")
    is_quiet = bool(files) and all(_QUIET_FILES.search(f) for f in files)
    before, after = _bag(removed), _bag(added)
    words = frozenset(word for word in before.keys() | after.keys() if bool(before[word]) != bool(after[word]))
    # The name of a library stays when its version changes, and is what changed all the same.
    words |= {word for name in _bumped(removed, added, files) for word in words_of(name)}
    effects = frozenset(_effects(removed, added, diff, files)) if not is_quiet else frozenset()
    code = any(not _COMMENT.match(line) for line in (*removed, *added))
    is_moved = _essence(removed) == _essence(added)
    is_cosmetic = is_quiet or not code or (is_moved and not effects - {Effect.CHANGES_LOGIC})
    return DiffReading(effects=frozenset() if is_cosmetic else effects, words=words, is_cosmetic=is_cosmetic)


def words_of(text: str) -> frozenset[str]:
    """The words of a text in lower case, identifiers whole and in parts.

    >>> sorted(words_of('relation "dashFavorites" missing'))
    ['dash', 'dashfavorites', 'favorites', 'missing', 'relation']
    """
    found = set()
    for word in _WORD.findall(text):
        found.add(word.lower())
        found.update(part.lower() for part in _PARTS.findall(word) if len(part) > 3)
    return frozenset(found)


def _lines(diff: str, sign: str) -> list[str]:
    header = sign * 3
    return [line[1:] for line in diff.splitlines() if line.startswith(sign) and not line.startswith(header)]


def _bag(lines: Iterable[str]) -> Counter[str]:
    return Counter(word for line in lines if not _COMMENT.match(line) for word in words_of(line))


def _essence(lines: Iterable[str]) -> Counter[str]:
    """Literals and names with a dot: what a rewrite that means the same keeps."""
    kept: Counter[str] = Counter()
    for line in lines:
        if not _COMMENT.match(line):
            kept.update(set(re.findall(r"-?\d+(?:\.\d+)?|\"[^\"]*\"|'[^']*'|\w+\.\w+(?:\.\w+)*", line)))
    return Counter(set(kept))


def _effects(removed: Sequence[str], added: Sequence[str], diff: str, files: Sequence[str]) -> Iterator[Effect]:
    yield from _growth(added, diff)
    yield from _loops(diff)
    yield from _queries(removed, added, files)
    yield from _settings(removed, added)
    yield from _dependencies(removed, added, files)
    yield from _statements(removed, added)
    if _renamed(removed, added):
        yield Effect.RENAMES
    if any(not _COMMENT.match(line) and line.strip() for line in (*removed, *added)):
        yield Effect.CHANGES_LOGIC


def _growth(added: Sequence[str], diff: str) -> Iterator[Effect]:
    """Something at module level that is added to, and nothing in the diff that would bound it."""
    names = {name for line in added if (m := _GLOBAL.match(line)) for name in m.groups() if name}
    code = [line for line in added if not _COMMENT.match(line)]
    kept = [
        line for line in code if _KEEPS.search(line) and any(re.search(rf"\b{re.escape(n)}\b", line) for n in names)
    ]
    if (kept and not any(_BOUND.search(line) for line in code)) or (
        re.search(r"^-.*(evict|maxlen|max_?(size|entries)|lru)", diff, re.IGNORECASE | re.MULTILINE)
        and not any(_BOUND.search(line) for line in code)
    ):
        yield Effect.GROWS_WITHOUT_BOUND


def _loops(diff: str) -> Iterator[Effect]:
    """A remote call that is added below a loop, or a loop that is added around one."""
    depth: int | None = None
    for raw in diff.splitlines():
        sign, line = raw[:1], raw[1:]
        if sign == "-" or not line.strip() or _COMMENT.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent <= depth:
            depth = None
        if depth is not None and sign == "+" and _REMOTE.search(line) and "=" in line + "(":
            yield Effect.CALLS_IN_LOOP
            return
        if depth is None and _LOOP.search(line):
            depth = indent


def _queries(removed: Sequence[str], added: Sequence[str], files: Sequence[str]) -> Iterator[Effect]:
    new = _tables(added) - _tables(removed)
    is_query = any("select" in a.lower() or "insert" in a.lower() for a in added)
    if new and is_query and not any(_MIGRATION.search(f) for f in files):
        yield Effect.QUERIES_NEW_TABLE
    lost, gained = " ".join(removed).lower(), " ".join(added).lower()
    if ("drop index" in gained) or ("create index" in lost and "create index" not in gained):
        yield Effect.DROPS_INDEX
    if re.search(r"\blimit \d+", lost) and not re.search(r"\blimit \d+", gained) and "select" in gained:
        yield Effect.DROPS_INDEX


def _tables(lines: Sequence[str]) -> set[str]:
    return {table.lower() for line in lines for table in _SQL.findall(line)}


def _settings(removed: Sequence[str], added: Sequence[str]) -> Iterator[Effect]:
    """Settings whose value changed, and timeouts that are gone."""
    before, after = _values(removed), _values(added)
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        if old == new:
            continue
        effect = _of_setting(key, _amount(old), _amount(new))
        yield effect if effect is not None else Effect.CHANGES_VALUE
    for key in before.keys() - after.keys():
        if re.search(r"time_?out|deadline", key):
            yield Effect.WAITS_LONGER


def _values(lines: Sequence[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        if not _COMMENT.match(line) and (m := _SETTING.match(line)):
            found[re.sub(r"[^a-z0-9]+", "_", m["key"].strip().lower())] = m["value"].strip()
    return found


def _of_setting(key: str, old: float | None, new: float | None) -> Effect | None:
    if old is None or new is None or old == new:
        return None
    is_less = new < old
    for pattern, less, more in (
        (r"ttl|expir|max_age|cache_(time|duration)", Effect.CACHES_SHORTER, None),
        (r"time_?out|deadline", Effect.WAITS_SHORTER, Effect.WAITS_LONGER),
        (r"retr(y|ies)|attempts|backoff", Effect.CHANGES_VALUE, Effect.RETRIES_MORE),
        (
            r"pool|max_?conn|max_?open|workers|threads|concurren|replicas|max_?idle",
            Effect.POOLS_FEWER,
            Effect.CHANGES_VALUE,
        ),
        (r"memory|cpu|heap|limit|quota|max_?size|capacity", Effect.LIMITS_LOWER, Effect.CHANGES_VALUE),
        (r"batch|chunk|page_?size|fetch_?size|prefetch|buffer", Effect.CHANGES_VALUE, Effect.BATCHES_MORE),
    ):
        if re.search(pattern, key):
            return less if is_less else more
    return None


def _amount(text: str) -> float | None:
    """A number with a unit, in seconds where the unit is one of time; products such as `15 * time.Minute`."""
    found = _QUANTITY.search(text)
    if found is None:
        return None
    unit = found["unit"].lower().rstrip("s") if len(found["unit"]) > 2 else found["unit"].lower()
    return float(found["number"]) * _UNITS.get(unit, 1.0)


def _dependencies(removed: Sequence[str], added: Sequence[str], files: Sequence[str]) -> Iterator[Effect]:
    if _bumped(removed, added, files):
        yield Effect.BUMPS_DEPENDENCY


def _bumped(removed: Sequence[str], added: Sequence[str], files: Sequence[str]) -> list[str]:
    """Names of libraries of which another version is used, by more than its last number: that promises no change."""
    if not any(_MANIFESTS.search(f) for f in files):
        return []
    old = {m["name"]: m["version"] for line in removed if (m := _PACKAGE.match(line))}
    new = {m["name"]: m["version"] for line in added if (m := _PACKAGE.match(line))}
    return [name for name in new if name in old and new[name].split(".")[:2] != old[name].split(".")[:2]]


def _statements(removed: Sequence[str], added: Sequence[str]) -> Iterator[Effect]:
    gained = "\n".join(line for line in added if not _COMMENT.match(line))
    lost = "\n".join(line for line in removed if not _COMMENT.match(line))
    if re.search(r"\bsleep\(|Sleep\(|time\.After\(", gained) and not re.search(r"sleep\(|Sleep\(", lost):
        yield Effect.SLEEPS
    if (
        re.search(r"\.Lock\(\)|synchronized|FOR UPDATE|with \w*lock|acquire\(", gained, re.IGNORECASE)
        and "ock(" not in lost
    ):
        yield Effect.LOCKS
    if re.search(r"\b(cache|memo)\w*\.(get|load|fetch)", lost, re.IGNORECASE) and not re.search(
        r"cache|memo", gained, re.IGNORECASE
    ):
        yield Effect.DROPS_CACHE
    if re.search(r"\braise \w|\bthrow new|\bpanic\(", gained) and not re.search(r"\braise |\bthrow |\bpanic\(", lost):
        yield Effect.RAISES
    guards = r"\bif\b[^\n]*(nil|null|None|len\(|err|undefined|empty|valid)"
    if len(re.findall(guards, lost)) > len(re.findall(guards, gained)) and not re.search(
        r"check|valid|guard", gained, re.IGNORECASE
    ):
        yield Effect.DROPS_GUARD
    changed = set(_WORD.findall(lost)) ^ set(_WORD.findall(gained))
    if any(_ACCESS.search(word) for word in changed):
        yield Effect.CHANGES_ACCESS


def _renamed(removed: Sequence[str], added: Sequence[str]) -> bool:
    """A quoted word that goes while another takes its place in an otherwise equal line."""
    quoted = re.compile(r"[\"'`]([\w.-]+)[\"'`]")
    gone = {w for line in removed for w in quoted.findall(line)} - {w for line in added for w in quoted.findall(line)}
    come = {w for line in added for w in quoted.findall(line)} - {w for line in removed for w in quoted.findall(line)}
    return bool(gone) and bool(come)
