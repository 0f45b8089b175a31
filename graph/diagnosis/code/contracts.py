"""What a diff changes of what others rely on: tables, names of fields, libraries, variables that must be set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.migrations import MIGRATION, migration
from graph.diagnosis.code.patch import Patch

_SQL_TABLE = re.compile(r"\b(?:from|join|into|update)\s+[\"'`]?([a-z_][\w.]+)", re.IGNORECASE)
_IS_QUERY = re.compile(r"\b(select\b.*\bfrom|insert into|update \w+ set|delete from|join)\b", re.IGNORECASE)
_MODEL = re.compile(
    r"=\s*(?:db\.|sa\.|models\.)?(?:mapped_column|Column|\w+Field)\(|@Column\b|@Table\b|`(gorm|db):\""
    r"|@Entity\b|__tablename__",
    re.IGNORECASE,
)
_ALTERS = re.compile(
    r"alter table|drop (column|table|constraint|type)|rename (column|to|table)|(remove|rename|drop"
    r"|change)_column|add constraint"
    r"|set not null|op\.(alter|drop)|alter_?column|(alter|remove|rename)_?field|change_column_null|add_?constraint",
    re.IGNORECASE,
)
_UNINDEXED = re.compile(
    r"like\s+[\"']?%|ilike|(where|and)\s+(lower|upper|date|cast|trim|to_char|coalesce|extract|year)\("
    r"|where.*::\w+|order by (random|rand)\(|\boffset\b"
    r"|__icontains|__iexact|__iregex|__contains|__endswith|\bor\b.*=.*\?|without index"
    # The same, as builders of queries spell it.
    r"|\bfn\(\s*[\"'](lower|upper|date|trim|year)|\bfunc\.(lower|upper|date|trim|cast|coalesce|extract|substr)\b"
    r"|\$regex|\$where|\bcb\.(lower|upper|function)\(|raw\([^)]*(lower|upper|date)\(|ignorecase\w*\(",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\bwhere\b|\band\b|\.where\(|\.filter\(|\.eq\(", re.IGNORECASE)
_MANIFEST = re.compile(
    r"(go\.mod|go\.sum|requirements[\w-]*\.(txt|in)|package(-lock)?\.json|yarn\.lock|pnpm-lock\.yaml"
    r"|poetry\.lock|pom\.xml|build\.gradle(\.kts)?"
    r"|libs\.versions\.toml|Cargo\.(toml|lock)|pyproject\.toml|Gemfile(\.lock)?|composer\.json"
    r"|\.csproj|Chart\.yaml|mix\.exs)$"
)
_PACKAGE = re.compile(
    r"^\s*[<\"']?(?P<name>[@\w./:-]+?)[\"'>]?\s*(?:==|>=|~=|~>|\^|[:=@ ,>]"
    r"|\s)+\s*[\"'^~v=>\[({\s]*(?:version\s*=\s*[\"'])?(?P<version>\d+(?:\.\d+)+)"
)
_COORDINATES = re.compile(r"[\"'](?P<name>[\w.-]+:[\w.-]+):(?P<version>\d+(?:\.\d+)+)")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_CONFIGURATION = re.compile(
    r"\.(ya?ml|json|toml|env|ini|properties|tf|tfvars|conf|hcl|sh)$|Dockerfile|(^|/)\.env|Procfile"
)
_READS = re.compile(
    r"environ\[[\"'](\w+)|process\.env\.(\w+)|process\.env\[[\"'](\w+)|(?:Getenv|LookupEnv|getenv"
    r"|env::var|env!|env|mustEnv|ENV\.fetch)\(\s*[\"'](\w+)[\"']\s*\)"
    r"|ENV\[[\"'](\w+)|\$\{([A-Z][A-Z0-9_]+)\}|@Value\(\"\$\{([\w.-]+)\}|secret\w*\(\s*[\"']([\w/.-]+)"
)
_QUOTED = re.compile(r"[\"'`]([A-Za-z_][\w.\-/]*)[\"'`]")
_SCHEMA_FILE = re.compile(
    r"\.(proto|avsc|avdl|graphqls?|thrift|xsd|openapi\.\w+)$|schema|openapi|swagger", re.IGNORECASE
)


def broken_contracts(patch: Patch) -> Iterator[Effect]:
    """Yield what a patch changes of what others rely on."""
    yield from _queries(patch)
    yield from _versions(patch)
    yield from _variables(patch)
    if is_renamed(patch):
        yield Effect.RENAMES
    elif (patch.added or patch.removed) and any(_SCHEMA_FILE.search(f) for f in patch.files):
        yield Effect.CHANGES_FORMAT


_PLACES = re.compile(r"queue|topic|stream\b|channel|bucket|exchange|subscri|tube\b|routing_key", re.IGNORECASE)
_PATHS = re.compile(r"\b(key|path|prefix)\b", re.IGNORECASE)
_STORES = re.compile(r"\bs3\b|bucket|blob|storage|/store\b|/store\.", re.IGNORECASE)
_SAID = re.compile(r":\w+|`[^`]*`|[\"'][\w./:-]+[\"']")


def _is_place(line: str, patch: Patch) -> bool:
    """Whether a line names where something is kept or waits."""
    return bool(_PLACES.search(line) or (_PATHS.search(line) and _STORES.search(" ".join((line, *patch.files)))))


def redirected(patch: Patch) -> Iterator[Effect]:
    """Yield that work goes to, or is taken from, a place of another name."""
    for old, new in patch.pairs():
        if (
            _is_place(old, patch)
            and _SAID.sub("", old) == _SAID.sub("", new)
            and _SAID.findall(old) != _SAID.findall(new)
        ):
            yield Effect.POINTS_ELSEWHERE


def bumped(patch: Patch) -> list[str]:
    """Names of libraries of which another version is used, by more than its last number, which promises no change; and
    of those that took the place of others."""
    if not any(_MANIFEST.search(f) for f in patch.files):
        return []
    old, new = (
        {m["name"]: m["version"] for line in lines if (m := _PACKAGE.match(line) or _COORDINATES.search(line))}
        for lines in (patch.removed, patch.added)
    )
    other = [name for name in new if name in old and new[name].split(".")[:2] != old[name].split(".")[:2]]
    return other + (sorted(new.keys() - old.keys()) if old.keys() - new.keys() else [])


def is_renamed(patch: Patch) -> bool:
    """A quoted name goes and another comes, or a field of a schema has another name."""
    lost, gained = (_quoted(lines) for lines in (patch.removed, patch.added))
    if lost - gained and gained - lost:
        return True
    if not any(_SCHEMA_FILE.search(f) for f in patch.files):
        return False
    return any(_differ_by_name(old, new) for old, new in patch.pairs()) or (bool(patch.removed) and not patch.added)


def _quoted(lines: Sequence[str]) -> set[str]:
    """Names in quotes, but for those of libraries and of what is logged."""
    return {word for line in lines if not _NO_CONTRACT.search(line) for word in _QUOTED.findall(line)}


_NO_CONTRACT = re.compile(
    r"^\s*(import|export .* from|from|use|require|using|#include)\b|require\(|\blog\w*\.|audit|subject|title"
    r"|label|\btext\b|caption|placeholder|class(name)?=",
    re.IGNORECASE,
)


def _differ_by_name(old: str, new: str) -> bool:
    left, right = re.findall(r"\w+", old), re.findall(r"\w+", new)
    return len(left) == len(right) and sum(a != b for a, b in zip(left, right, strict=True)) == 1


def _queries(patch: Patch) -> Iterator[Effect]:
    migrates = any(MIGRATION.search(f) for f in patch.files)
    new = _tables(patch.added) - _tables(patch.removed)
    is_model = sum(map(bool, map(_MODEL.search, patch.added))) > sum(map(bool, map(_MODEL.search, patch.removed)))
    if not migrates and ((new and _IS_QUERY.search(patch.gained)) or is_model):
        yield Effect.QUERIES_NEW_TABLE
    if _ALTERS.search(patch.gained):
        yield Effect.CHANGES_TABLES
    if migration(patch).locks:
        yield Effect.LOCKS
    if _scans(patch):
        yield Effect.SCANS
    if any(_asks_less(old, new) for old, new in patch.pairs()):
        yield Effect.CHANGES_QUERY
    if _clauses(patch.removed) and _clauses(patch.added) and _clauses(patch.removed) != _clauses(patch.added):
        yield Effect.CHANGES_QUERY


_ASKS = re.compile(r"where|filter|find\w*\(|query|select|\.eq\(|criteria", re.IGNORECASE)


def _asks_less(old: str, new: str) -> bool:
    """Whether a query has lost a condition, and gained none."""
    before, after = (set(re.findall(r"[A-Za-z_]\w{2,}", line)) for line in (old, new))
    return bool(_ASKS.search(old) and _ASKS.search(new)) and after < before


def _clauses(lines: Sequence[str]) -> list[str]:
    """What queries ask for: from the first condition or order on."""
    return [found[0].lower() for line in lines if "select" in line.lower() and (found := _CLAUSE.search(line))]


_CLAUSE = re.compile(r"\b(where|order by|group by|join)\b.*", re.IGNORECASE)


def _tables(lines: Sequence[str]) -> set[str]:
    return {table.lower() for line in lines for table in _SQL_TABLE.findall(line)}


def _scans(patch: Patch) -> bool:
    lost, gained = patch.lost.lower(), patch.gained.lower()
    if re.search(r"drop index|remove_index|drop_index", gained):
        return True
    if re.search(r"create (unique )?index|add_index|@index|index=true|db_index", lost) and not re.search(
        r"index", gained
    ):
        return True
    if len(_UNINDEXED.findall(gained)) > len(_UNINDEXED.findall(lost)):
        return True
    is_query = "select" in gained or "select" in lost or ".where" in lost or ".filter" in lost
    words = (set(re.findall(r"\w{3,}", text)) - {"where", "and"} for text in (lost, gained))
    is_less = bool(next(words) - next(words))
    fewer_conditions = is_less and len(_CONDITION.findall(lost)) > len(_CONDITION.findall(gained)) and bool(patch.added)
    return is_query and (
        fewer_conditions or bool(re.search(r"\blimit\b", lost) and not re.search(r"\blimit\b", gained))
    )


def _versions(patch: Patch) -> Iterator[Effect]:
    if bumped(patch):
        yield Effect.BUMPS_DEPENDENCY
    old, new = (
        re.findall(r"^\s*FROM\s+(\S+)|^\s*image:\s*(\S+)", text, re.MULTILINE) for text in (patch.lost, patch.gained)
    )
    if old and new and old != new:
        yield Effect.CHANGES_BASE


def _variables(patch: Patch) -> Iterator[Effect]:
    """Variables that configuration no longer sets, and those that code reads and no part of the patch sets."""
    lost = {
        v
        for line in patch.lines
        if line.sign == "-" and line.is_code and _CONFIGURATION.search(line.file)
        for v in _VARIABLE.findall(line.text)
    }
    if lost - {v for line in patch.side("+") for v in _VARIABLE.findall(line.text)}:
        yield Effect.DROPS_SETTING
    read_before, read = _read(patch.removed), _read(patch.added)
    given = {
        v
        for line in patch.lines
        if line.sign == "+" and _CONFIGURATION.search(line.file)
        for v in re.findall(r"[\w.]+", line.text)
    }
    if read - read_before - given:
        yield Effect.NEEDS_SETTING


def _read(lines: Sequence[str]) -> set[str]:
    return {name for line in lines for names in _READS.findall(line) for name in names if name}
