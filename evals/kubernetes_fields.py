"""Generates what is known of fields and defaults by Kubernetes version: `python -m evals.kubernetes_fields --write`.

Reads the API descriptions of each minor version that the package `kubernetes-validate` brings, and older ones that are
named (`--swagger 20=api/openapi-spec/swagger.json` of that release). A field counts as there from the first version in
which it is described and not called alpha: an alpha field is off unless somebody turns it on. Without `--write` the
files are compared with what would be written.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graph.kinds.kubernetes.defaults import known_defaults
from graph.kinds.kubernetes.versions import DATA

Object = dict[str, Any]

FIELDS, EVIDENCE = DATA / "fields_since.json", DATA / "default_evidence.json"
_ALPHA = re.compile(r"alpha[- ](?:level|field|feature|stage)|is an? alpha|in alpha", re.IGNORECASE)
_SAYS_DEFAULT = re.compile(r"[^.]*\bdefault(?:s|ed)?\b[^.]*\.?", re.IGNORECASE)
_FOLDER = re.compile(r"v1\.(\d+)\.0-local")


def descriptions(swaggers: Mapping[int, Path]) -> dict[int, Object]:
    """Return the named types of each minor version, oldest first."""
    found = {minor: json.loads(path.read_bytes())["definitions"] for minor, path in swaggers.items()}
    spec = importlib.util.find_spec("kubernetes_validate")
    root = Path(str(spec.origin)).parent / "kubernetes-json-schema" if spec else Path()
    for folder in root.glob("*"):
        match = _FOLDER.fullmatch(folder.name)
        if match:
            found[int(match[1])] = json.loads((folder / "_definitions.json").read_bytes())["$defs"]
    return dict(sorted(found.items()))


def fields_since(versions: Mapping[int, Object]) -> dict[str, dict[str, int]]:
    """Return, by type and field, the first minor version that can have kept the field, where the oldest did not.

    Between two versions that are not next to each other the first one that is possible counts.
    """
    minors = list(versions)
    since: dict[str, dict[str, int]] = {}
    for before, minor in zip([None, *minors], minors, strict=False):
        for kind, field, text in _fields(versions[minor]):
            if field in since.get(kind, {}) or _ALPHA.search(text):
                continue
            since.setdefault(kind, {})[field] = minors[0] if before is None else before + 1
    oldest = minors[0]
    newer = {kind: {f: m for f, m in sorted(fields.items()) if m > oldest} for kind, fields in sorted(since.items())}
    # Where a type itself is newer, its kind is missing as a whole.
    return {kind: fields for kind, fields in newer.items() if fields and fields.keys() != since[kind].keys()}


def default_evidence(versions: Mapping[int, Object]) -> dict[str, Object]:
    """Return, by `Type.field`, what the API description says of each default that is known, in the newest version.

    A default of which no description tells follows from the server's code, and is checked against servers
    (`evals.untouched`) and recorded dumps.
    """
    told = {(kind, f): (m, text) for m, types in versions.items() for kind, f, text in _fields(types)}
    first: dict[tuple[str, str], int] = {}
    for minor, types in versions.items():
        for kind, field, _ in _fields(types):
            first.setdefault((kind, field), minor)
    found: dict[str, Object] = {}
    for kind, field, value in known_defaults():
        minor, text = told.get((kind, field), (0, ""))
        said = [s.strip() for s in _SAYS_DEFAULT.findall(text)]
        source = f"API description of 1.{minor}: {said[0][:200]}" if said else "server code: pkg/apis/*/*/defaults.go"
        row: Object = {"value": value, "source": source}
        if (kind, field) in first:
            row["described"] = [first[kind, field], minor]
        found[f"{kind}.{field}"] = row
    return dict(sorted(found.items()))


def _fields(types: Object) -> Iterator[tuple[str, str, str]]:
    for name, definition in types.items():
        if name.startswith("io.k8s.") and ".v1alpha" not in name:
            for field, schema in (definition.get("properties") or {}).items():
                yield name.rpartition(".")[2], field, str(schema.get("description", ""))


def _text(value: Object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or compare the files; 1 when a file is not what it would be."""
    parser = argparse.ArgumentParser(prog="python -m evals.kubernetes_fields", description=__doc__)
    parser.add_argument("--swagger", action="append", default=[], metavar="MINOR=FILE")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    given = dict(one.split("=", 1) for one in options.swagger)
    versions = descriptions({int(minor): Path(path) for minor, path in given.items()})
    made = {FIELDS: _text(fields_since(versions)), EVIDENCE: _text(default_evidence(versions))}
    is_same = all(path.is_file() and path.read_text(encoding="utf-8") == text for path, text in made.items())
    if options.write:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
    rows = json.loads(made[EVIDENCE])
    stated = sum(row["source"].startswith("API") for row in rows.values())
    print(f"versions 1.{min(versions)} to 1.{max(versions)}; {len(rows)} defaults, {stated} stated in the descriptions")
    return 0 if is_same or options.write else 1


if __name__ == "__main__":
    sys.exit(main())
