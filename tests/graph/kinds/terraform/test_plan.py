"""Plans: three facets, drift apart from pending changes, references through modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graph.drift import Verdict
from graph.errors import Invalid
from graph.kinds.terraform.compare import compare
from graph.kinds.terraform.plan import PlanReading, read_plan

SALT = b"salt"
PENDING = {Verdict.PENDING_ROLLOUT, Verdict.NEVER_APPLIED, Verdict.PRUNE_PENDING, Verdict.CONFLICT}
DRIFTED = {Verdict.OUT_OF_BAND_CHANGE, Verdict.DELETED_OUT_OF_BAND, Verdict.CONFLICT}


def read(data: Any) -> PlanReading:
    return read_plan(data, stack="shop", salt=SALT)


def load(path: Path) -> Any:
    raw = path.read_bytes()
    return json.loads(raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"))


def resource(address: str, **values: Any) -> dict[str, Any]:
    type, name = address.split(".")[-2:]
    return {"address": address, "mode": "managed", "type": type, "name": name, "values": values}


def change(address: str, actions: list[str], before: Any, after: Any, **more: Any) -> dict[str, Any]:
    entry = resource(address)
    del entry["values"]
    return {**entry, "change": {"actions": actions, "before": before, "after": after, **more}}


def plan(**parts: Any) -> dict[str, Any]:
    return {"format_version": "1.2", "planned_values": {}, **parts}


def test_the_three_facets_of_a_drifted_resource() -> None:
    """Applied is what the state held, actual what the refresh found, intended what the configuration wants."""
    reading = read(
        plan(
            planned_values={"root_module": {"resources": [resource("x_y.a", size=1, color="red")]}},
            prior_state={"values": {"root_module": {"resources": [resource("x_y.a", size=2, color="blue")]}}},
            resource_drift=[change("x_y.a", ["update"], {"size": 1, "color": "blue"}, {"size": 2, "color": "blue"})],
            resource_changes=[change("x_y.a", ["update"], {"size": 2, "color": "blue"}, {"size": 1, "color": "red"})],
        )
    )
    facets = (reading.intended, reading.applied, reading.actual)
    assert [f[0].body["values"] for f in facets] == [
        {"size": 1, "color": "red"},
        {"size": 1, "color": "blue"},
        {"size": 2, "color": "blue"},
    ]
    findings, _, _ = compare(intended=facets[0], applied=facets[1], actual=facets[2])
    assert {(f.path, f.verdict) for f in findings} == {
        ("/values/size", Verdict.OUT_OF_BAND_CHANGE),
        ("/values/color", Verdict.PENDING_ROLLOUT),
    }


def test_a_resource_deleted_outside_is_still_applied() -> None:
    """The refresh removed it from the prior state; what the state held stands in the drift entry."""
    reading = read(
        plan(
            planned_values={"root_module": {"resources": [resource("x_y.a", size=1), resource("x_y.b")]}},
            prior_state={"values": {"root_module": {"resources": [resource("x_y.b")]}}},
            resource_drift=[change("x_y.a", ["delete"], {"size": 1}, None)],
            resource_changes=[change("x_y.a", ["create"], None, {"size": 1})],
        )
    )
    assert [d.resource.display for d in reading.applied] == ["x_y.b", "x_y.a"]
    assert [d.resource.display for d in reading.actual] == ["x_y.b"]
    findings, _, _ = compare(intended=reading.intended, applied=reading.applied, actual=reading.actual)
    assert [(f.resource.display, f.verdict) for f in findings] == [("x_y.a", Verdict.DELETED_OUT_OF_BAND)]


def test_untargeted_resources_are_not_meant_to_be_destroyed() -> None:
    """A plan with targets says nothing of the other resources of the state."""
    reading = read(
        plan(
            planned_values={"root_module": {"resources": [resource("x_y.a", size=1)]}},
            prior_state={"values": {"root_module": {"resources": [resource("x_y.a", size=1), resource("x_y.b")]}}},
            resource_changes=[change("x_y.a", ["no-op"], {"size": 1}, {"size": 1})],
        )
    )
    findings, _, _ = compare(intended=reading.intended, applied=reading.applied, actual=reading.actual)
    assert findings == []


def test_unknown_values_are_no_difference_and_not_clean() -> None:
    """A value that only the apply gives withholds the claim of equality and does not hide drift of others."""
    reading = read(
        plan(
            planned_values={"root_module": {"resources": [resource("x_y.a", size=1)]}},
            prior_state={"values": {"root_module": {"resources": [resource("x_y.a", size=1, url="u")]}}},
            resource_changes=[
                change("x_y.a", ["update"], {"size": 1, "url": "u"}, {"size": 1}, after_unknown={"url": True})
            ],
        )
    )
    findings, _, unclear = compare(intended=reading.intended, applied=reading.applied, actual=reading.actual)
    assert findings == []
    assert [(n.resource, "/values/url" in n.reason) for n in unclear] == [("x_y.a", True)]


def test_sensitive_values_are_hashed_and_still_compared() -> None:
    """Marked values never travel, yet a change of one is a finding."""
    reading = read(
        plan(
            resource_drift=[
                change(
                    "x_y.a",
                    ["update"],
                    {"pin": "first-value"},
                    {"pin": "second-value"},
                    before_sensitive={"pin": True},
                    after_sensitive={"pin": True},
                )
            ],
        )
    )
    assert "-value" not in repr(reading)
    assert [d.changed for d in reading.drift] == [("/pin",)]
    findings, _, _ = compare(intended=reading.intended, applied=reading.applied, actual=reading.actual)
    assert [(f.path, str(f.actual).startswith("hmac-sha256:")) for f in findings] == [("/values/pin", True)]


def test_references_go_through_variables_and_outputs() -> None:
    """A reference inside a module leads to what the caller passes in, and one to a module to what it gives out."""
    configuration = {
        "root_module": {
            "resources": [
                {
                    "address": "x_y.user",
                    "expressions": {"in": {"references": ["module.m.out", "module.m", "local.z"]}},
                    "depends_on": ["x_y.base"],
                }
            ],
            "module_calls": {
                "m": {
                    "expressions": {"arg": {"references": ["x_y.base.id", "x_y.base"]}},
                    "module": {
                        "outputs": {"out": {"expression": {"references": ["x_y.inner.id", "x_y.inner"]}}},
                        "resources": [
                            {"address": "x_y.inner", "expressions": {"b": [{"c": {"references": ["var.arg"]}}]}}
                        ],
                    },
                }
            },
        }
    }
    names = ["x_y.user", "x_y.base", "module.m.x_y.inner"]
    child = {"address": "module.m", "resources": [resource("module.m.x_y.inner")]}
    root = {"resources": [resource(n) for n in names[:2]], "child_modules": [child]}
    reading = read(plan(planned_values={"root_module": root}, configuration=configuration))
    references = {d.resource.display: d.body.get("references") for d in reading.intended}
    assert references["x_y.user"] == ["x_y.base", "module.m.x_y.inner"]
    assert references["module.m.x_y.inner"] == ["x_y.base"]


@pytest.mark.parametrize("data", [{}, [], {"format_version": "1.0"}, {"version": 4, "resources": []}])
def test_refuses_what_is_no_plan(data: Any) -> None:
    """Anything that is no plan is refused."""
    with pytest.raises(Invalid):
        read(data)


@pytest.mark.shared
def test_drift_and_pending_changes_of_public_plans(shared: Path) -> None:
    """Drift, pending changes and relevant attributes are exactly those that the table lists, for every plan."""
    folder = shared / "data/terraform/plans"
    table = json.loads((folder / "expected.json").read_text())
    for name, expected in table.items():
        reading = read(load(folder / name))
        drift = [
            {
                "address": d.address,
                "type": d.type,
                **({"previous_address": d.previous_address} if d.previous_address else {}),
                "actions": list(d.actions),
                "changed": list(d.changed),
                **({"null_against_empty": list(d.representation_only)} if d.representation_only else {}),
            }
            for d in reading.drift
        ]
        assert drift == expected["resource_drift"], name
        pending = [
            {
                "address": p.address,
                "actions": list(p.actions),
                **({"action_reason": p.action_reason} if p.action_reason else {}),
            }
            for p in reading.pending
        ]
        assert pending == expected["pending_changes"], name
        relevant = [{"resource": r.resource, "attribute": list(r.attribute)} for r in reading.relevant]
        assert sorted(map(str, relevant)) == sorted(
            str({"resource": r["resource"], "attribute": r["attribute"]}) for r in expected["relevant_attributes"]
        ), name
    assert len(table) >= 79


@pytest.mark.shared
def test_findings_of_public_plans_are_their_drift(shared: Path) -> None:
    """Comparing the facets finds each drifted place that is more than spelling, and no other; pending ones likewise."""
    folder = shared / "data/terraform/plans"
    for name, expected in json.loads((folder / "expected.json").read_text()).items():
        reading = read(load(folder / name))
        findings, _, _ = compare(intended=reading.intended, applied=reading.applied, actual=reading.actual)
        drifted = {
            (d["address"], f"/values{path}")
            for d in expected["resource_drift"]
            for path in d["changed"]
            if path not in d.get("null_against_empty", ())
        }
        assert {(f.resource.display, f.path) for f in findings if f.verdict in DRIFTED} == drifted, name
        waiting = {p["address"] for p in expected["pending_changes"]}
        found = {f.resource.display for f in findings if f.verdict in PENDING}
        # An apply also undoes drift; for such a resource drift is all that is pending.
        assert found <= waiting, name
        assert waiting - found <= {address for address, _ in drifted}, name
