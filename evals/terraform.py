"""Public Terraform and OpenTofu plans and states: drift, pending changes, identities and edges against what is known.

    python -m evals.terraform --data DIR

DIR holds `plans/` and `states/` with their tables of expected results. Beside ours stand two plain ways to find drift:
to take what a plan would change for it, and to compare the declared values with the refreshed ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from graph.document import Json, canonical
from graph.errors import Invalid
from graph.finding import Verdict
from graph.kinds.terraform.compare import compare
from graph.kinds.terraform.plan import PlanReading, changed_pointers, read_plan
from graph.kinds.terraform.relations import derive
from graph.kinds.terraform.state import read_state
from graph.relation import RelationType
from tools.adapters.documents import Broken, read_documents

_SALT = b"evaluation"
_DRIFTED = frozenset(
    {Verdict.OUT_OF_BAND_CHANGE, Verdict.CONFLICT, Verdict.CONVERGED_BY_HAND, Verdict.DELETED_OUT_OF_BAND}
)
_GRAPHS = "expected_graphs.json"

Place = tuple[str, str]
"""Address and JSON pointer into the attributes; an empty one for the whole resource."""


class Plan(NamedTuple):
    """One plan with its expected results."""

    name: str
    raw: dict[str, Any]
    reading: PlanReading
    expected: Mapping[str, Any]

    @property
    def drift(self) -> frozenset[Place]:
        """The places that drifted, those aside that differ in spelling alone."""
        return frozenset(
            (d["address"], path)
            for d in self.expected["resource_drift"]
            for path in d["changed"]
            if path not in d.get("null_against_empty", ())
        )


def main() -> int:
    """Print the figures; 0 when every plan and state could be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with plans/ and states/")
    data: Path = parser.parse_args().data
    plans, unread = _plans(data / "plans")
    states = sorted((data / "states").glob("*/**/*.tfstate")) + sorted(
        path for path in (data / "states/inframap").glob("*.json") if path.name != _GRAPHS
    )
    print(f"plans: {len(plans)} read, {len(unread)} not {unread}")
    _print_plans(plans)
    _print_contents(plans)
    failed = _print_states(data / "states", states)
    _print_edges(data / "states/inframap")
    return 0 if plans and states and not unread and not failed else 1


def load(path: Path) -> dict[str, Any]:
    """Return the JSON of a file, read as the product reads it.

    Raises:
        Invalid: it can't be read.
    """
    parts = list(read_documents(path.read_bytes(), name=path.name))
    if len(parts) != 1 or isinstance(parts[0], Broken) or not isinstance(parts[0].value, dict):
        raise Invalid("no JSON object", where=path.name)
    return parts[0].value


def _plans(folder: Path) -> tuple[list[Plan], list[str]]:
    plans, unread = [], []
    for name, expected in json.loads((folder / "expected.json").read_text()).items():
        try:
            raw = load(folder / name)
            plans.append(Plan(name, raw, read_plan(raw, stack="s", salt=_SALT), expected))
        except Invalid as error:
            unread.append(f"{name}: {error}")
    return plans, unread


def _print_plans(plans: list[Plan]) -> None:
    listed = sum(_listed(p) == p.expected["resource_drift"] for p in plans)
    pending = sum(_pending(p) == p.expected["pending_changes"] for p in plans)
    relevant = sum(_relevant(p) == sorted(map(canonical, p.expected["relevant_attributes"])) for p in plans)
    print(f"  drift lists equal: {listed} of {len(plans)} ({sum(bool(p.drift) for p in plans)} with drift)")
    total = sum(len(p.expected["pending_changes"]) for p in plans)
    print(f"  pending changes equal: {pending} of {len(plans)} ({total} changes)")
    print(f"  relevant attributes equal: {relevant} of {len(plans)}")
    print("drifted places, over all plans:            plans equal   found   missed   invented")
    methods: Mapping[str, Callable[[Plan], frozenset[Place]]] = {
        "this product (three-way comparison)": _ours,
        "what the plan would change": _changes,
        "declared against refreshed, two-way": _two_way,
    }
    for title, method in methods.items():
        said = [(method(p), p.drift) for p in plans]
        equal = sum(one == truth for one, truth in said)
        found = sum(len(one & truth) for one, truth in said)
        missed = sum(len(truth - one) for one, truth in said)
        invented = sum(len(one - truth) for one, truth in said)
        print(f"  {title:40} {equal:4} of {len(plans)} {found:7} {missed:8} {invented:10}")


def _listed(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "address": d.address,
            "type": d.type,
            **({"previous_address": d.previous_address} if d.previous_address else {}),
            "actions": list(d.actions),
            "changed": list(d.changed),
            **({"null_against_empty": list(d.representation_only)} if d.representation_only else {}),
        }
        for d in plan.reading.drift
    ]


def _pending(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "address": p.address,
            "actions": list(p.actions),
            **({"action_reason": p.action_reason} if p.action_reason else {}),
        }
        for p in plan.reading.pending
    ]


def _relevant(plan: Plan) -> list[str]:
    return sorted(canonical({"attribute": list(r.attribute), "resource": r.resource}) for r in plan.reading.relevant)


def _ours(plan: Plan) -> frozenset[Place]:
    reading = plan.reading
    findings, _, _ = compare(intended=reading.intended, applied=reading.applied, actual=reading.actual)
    return frozenset((f.resource.display, f.path.removeprefix("/values")) for f in findings if f.verdict in _DRIFTED)


def _changes(plan: Plan) -> frozenset[Place]:
    """`resource_changes` taken for drift."""
    return frozenset(_changed(plan.raw.get("resource_changes") or ()))


def _changed(changes: Any) -> Iterator[Place]:
    for entry in changes:
        change = entry.get("change") or {}
        if entry.get("mode") == "managed" and change.get("actions") not in (["no-op"], ["read"]):
            before, after = change.get("before"), change.get("after")
            paths = changed_pointers(before, after) if isinstance(before, dict) and isinstance(after, dict) else ("",)
            yield from ((entry["address"], path) for path in paths)


def _two_way(plan: Plan) -> frozenset[Place]:
    """Planned values against those that the refresh found, every difference taken for drift."""
    declared = {d.body["address"]: d.body["values"] for d in plan.reading.intended}
    found = {d.body["address"]: d.body["values"] for d in plan.reading.actual}
    return frozenset(
        (address, path)
        for address in declared.keys() | found.keys()
        for path in changed_pointers(declared.get(address), found.get(address))
    )


def _print_contents(plans: list[Plan]) -> None:
    addresses = {(p.name, d.body["address"]) for p in plans for d in (*p.reading.intended, *p.reading.actual)}
    unknown = sum(len(d.body.get("unknown", ())) for p in plans for d in p.reading.intended)
    hashed = sum(
        canonical(d.body["values"]).count("hmac-sha256:")
        for p in plans
        for d in (*p.reading.intended, *p.reading.actual)
    )
    moved = sum(bool(d.body.get("previous_address")) for p in plans for d in p.reading.intended)
    print(
        f"in them: {len(addresses)} resources, {sum('module.' in a for _, a in addresses)} in modules, "
        f"{sum('[' in a for _, a in addresses)} of count or for_each, {moved} moved, "
        f"{unknown} values unknown before apply, {hashed} sensitive values hashed"
    )


def _print_states(folder: Path, states: list[Path]) -> list[str]:
    failed, resources = [], 0
    for path in states:
        try:
            resources += len(read_state(load(path), stack="s", salt=_SALT))
        except Invalid as error:
            failed.append(f"{path.parent.name}/{path.name}: {error}")
    print(f"states: {len(states) - len(failed)} read with {resources} resources, {len(failed)} not {failed}")
    total = found = attributes = right = 0
    missed: list[str] = []
    other: list[str] = []
    for table in sorted((folder / "driftctl").glob("*/expected_resources.json")):
        documents = read_state(load(table.parent / "terraform.tfstate"), stack="s", salt=_SALT)
        known = {(d.resource.kind, d.body["values"].get("id")): d.body["values"] for d in documents}
        for one in json.loads(table.read_text()):
            total += 1
            values = known.get((one["Type"], one["Id"]))
            if values is None:
                missed.append(f"{one['Type']} {one['Id']}")
                continue
            found += 1
            shared = {key: value for key, value in (one.get("Attrs") or {}).items() if key in values}
            attributes += len(shared)
            unequal = [f"{one['Type']} {one['Id']} {k}" for k, value in shared.items() if not _same(values[k], value)]
            right += len(shared) - len(unequal)
            other += unequal
    print(f"  identity (type and id): {found} of {total}; not found: {', '.join(missed) or 'none'}")
    print(f"  attributes equal: {right} of {attributes}; not: {', '.join(other) or 'none'}")
    return failed


def _same(ours: Json, theirs: Json) -> bool:
    """Whether a value is the expected one; the table leaves out what is empty, and hides nothing that is sensitive."""
    if canonical(ours).find("hmac-sha256:") >= 0 or ours == theirs:
        return True
    if isinstance(ours, str) and isinstance(theirs, str) and ours[:1] in "{[":
        try:
            return bool(json.loads(ours) == json.loads(theirs))
        except ValueError:
            return False
    return canonical(_slim(ours)) == canonical(_slim(theirs))


def _slim(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: v for k, item in value.items() if (v := _slim(item)) not in (None, "", [], {})}
    if isinstance(value, list):
        return sorted((_slim(item) for item in value), key=canonical)
    return value


def _print_edges(folder: Path) -> None:
    """Connections that inframap draws, as ways along our relations: through groups by their rules, else directly."""
    table = json.loads((folder / _GRAPHS).read_text())
    found = total = 0
    missed: list[str] = []
    for name, cases in table.items():
        relations = derive(read_state(load(folder / name), stack="s", salt=_SALT))
        steps: dict[str, set[str]] = {}
        for relation in relations:
            one, other = (end.removeprefix("tf://s/").partition("[")[0] for end in (relation.source, relation.target))
            steps.setdefault(one, set()).add(other)
            if relation.type in {RelationType.ALLOWS, RelationType.GUARDS, RelationType.REFERENCES}:
                steps.setdefault(other, set()).add(one)
        edges = {(e["source"], e["target"]) for case in cases for e in case.get("edges") or ()}
        for source, target in sorted(e for e in edges if not e[0].startswith("im_out")):
            total += 1
            if _reaches(steps, source, target):
                found += 1
            else:
                missed.append(f"{name}: {source} -> {target}")
    print(
        f"edges of inframap between resources that our relations connect: {found} of {total}; not: {missed or 'none'}"
    )


def _reaches(steps: Mapping[str, set[str]], source: str, target: str) -> bool:
    """Whether there is a way of at most four steps: member, group, admitted group, its member."""
    reached = {source}
    for _ in range(4):
        reached |= {other for one in reached for other in steps.get(one, ())}
    return target in reached


if __name__ == "__main__":
    sys.exit(main())
