"""IAM policy documents: one form for all spellings of the same document, and what changed between two of them.

Rules A01 to A13; grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. Two
documents that are spelled differently but allow the same (a wildcard against its expansion) are not equal here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import unquote

from graph.document import Json, Object
from graph.document import canonical as text_of
from graph.kinds.lenient import strings

Normal: TypeAlias = Callable[[Json], Json]
"""Brings a value into canonical form."""

SETS: Final = frozenset({"Action", "NotAction", "Resource", "NotResource"})
"""Members of a statement that are a string or a set of strings."""

PRINCIPALS: Final = frozenset({"Principal", "NotPrincipal"})

_ACCOUNT = re.compile(r"(?:arn:[^:]+:iam::)?([0-9]{12})(?::root)?")
_DELETED = re.compile(r"A(?:IDA|ROA|GPA|NPA)[A-Z0-9]{12,}")


def parse(document: str | Object) -> Json:
    """Return the JSON of a policy that may be text, URL-encoded or not (A12); no text at all is an empty document.

    Raises:
        ValueError: the text is no JSON.
    """
    if not isinstance(document, str):
        return document
    stripped = document.strip()
    if stripped[:3].upper() in ("%7B", "%5B"):
        stripped = unquote(stripped)
    return json.loads(stripped) if stripped else {}


def is_policy(value: Json) -> bool:
    """Whether parsed JSON looks like a policy document."""
    if not isinstance(value, dict) or "Statement" not in value:
        return False
    return all("Effect" in s for s in statements(value)) and bool(statements(value))


def statements(document: Json) -> list[Object]:
    """Return the statements, in order, also when there is only one and it stands in no list (A01)."""
    found = document.get("Statement") if isinstance(document, dict) else None
    listed = found if isinstance(found, list) else [found]
    return [s for s in listed if isinstance(s, dict)]


def canonical(document: str | Object) -> Object:
    """Return the canonical form: equal documents give equal values.

    Statements keep their number (A11): a statement that stands twice is not one that stands once.

    Raises:
        ValueError: the text is no JSON.
    """
    parsed = parse(document)
    if isinstance(parsed, list) and len(parsed) <= 1:
        # Some APIs wrap an assume-role document in a list (A08).
        parsed = parsed[0] if parsed else {}
    if not isinstance(parsed, dict):
        return {"$": parsed}
    result = {key: value for key, value in parsed.items() if key != "Statement"}
    if "Statement" in parsed:
        found = parsed["Statement"]
        listed = found if isinstance(found, list) else [found]
        result["Statement"] = sorted((canonical_statement(s) for s in listed), key=text_of)
    return result


def canonical_statement(statement: Json) -> Json:
    """Return the canonical form of one statement; what is no object stays as it is."""
    if not isinstance(statement, dict):
        return statement
    result: Object = {}
    for key, value in statement.items():
        if key == "Effect" and isinstance(value, str):
            result[key] = value.capitalize()
        elif key in SETS:
            result[key] = _set(value)
        elif key in PRINCIPALS:
            principals = _principals(value)
            if principals:
                result[key] = principals
        elif key == "Condition" and isinstance(value, dict):
            result[key] = {op: _condition(keys) for op, keys in value.items()}
        elif not (key == "Sid" and value == ""):
            result[key] = value
    return result


def equivalent(a: str | Object, b: str | Object) -> bool:
    """Whether two documents are the same one in other words; text that is no JSON equals nothing, not even itself."""
    try:
        return canonical(a) == canonical(b)
    except (ValueError, RecursionError):
        return False


def statements_removed(before: str | Object, after: str | Object) -> list[Object]:
    """Return the statements of `before`, as they are spelled there, that `after` has no equal of.

    A statement whose content changed counts as removed, and its new form as added.

    Raises:
        ValueError: one of the texts is no JSON.
    """
    left = Counter(text_of(canonical_statement(s)) for s in statements(parse(after)))
    removed = []
    for statement in statements(parse(before)):
        key = text_of(canonical_statement(statement))
        if left[key] > 0:
            left[key] -= 1
        else:
            removed.append(statement)
    return removed


def statements_added(before: str | Object, after: str | Object) -> list[Object]:
    """Return the statements of `after` that `before` has no equal of; see `statements_removed`."""
    return statements_removed(after, before)


def principals_of(statement: Object) -> list[str]:
    """Return all principals that a statement names, of every type, `*` included."""
    found = statement.get("Principal")
    named = found.values() if isinstance(found, dict) else [found]
    return [name for value in named for name in strings(value)]


def deleted_principals(document: str | Object) -> list[str]:
    """Return the principals that stand as unique ids: AWS writes these when the user or role was deleted (A13).

    Raises:
        ValueError: the text is no JSON.
    """
    named = [name for statement in statements(parse(document)) for name in principals_of(statement)]
    return [name for name in named if _DELETED.fullmatch(name)]


def scalar(value: Json) -> Json:
    """Return booleans and numbers as the strings that AWS stores (A05)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def principal(value: Json) -> Json:
    """Return an account id for the account and for its root, whatever the partition (A06)."""
    match = _ACCOUNT.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match and (value.isdigit() or value.endswith(":root")) else value


def _set(value: Json) -> Json:
    """Return a sorted list without duplicates (A02, A03)."""
    listed = value if isinstance(value, list) else [value]
    unique = {text_of(v): v for v in listed}
    return [unique[key] for key in sorted(unique)]


def _principals(value: Json) -> Object:
    # `"*"` and `{"AWS": "*"}` name the same principals in every kind of policy.
    typed = value if isinstance(value, dict) else {"AWS": value}
    found = {}
    for kind, names in typed.items():
        members = _set([principal(n) for n in (names if isinstance(names, list) else [names])])
        if members:
            found[kind] = members
    return found


def _condition(keys: Json) -> Json:
    if not isinstance(keys, dict):
        return keys
    return {
        key: _set([scalar(v) for v in (value if isinstance(value, list) else [value])]) for key, value in keys.items()
    }
