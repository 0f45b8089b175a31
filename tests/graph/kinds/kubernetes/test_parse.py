"""Reading of single objects: identity, hostile structures, redaction."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import Invalid
from graph.kinds.kubernetes.applied import last_applied
from graph.kinds.kubernetes.parse import expand, is_cluster_scoped, parse, redact_secret

SALT = b"test"
LAST = "kubectl.kubernetes.io/last-applied-configuration"


def config_map(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", **metadata}, "data": {"a": "b"}}


def secret(data: Any = None, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data, **more}


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


@pytest.mark.parametrize(
    ("body", "uid"),
    [
        pytest.param(config_map(), "k8s://c/core/ConfigMap/default/settings", id="default namespace"),
        pytest.param(config_map(namespace="shop"), "k8s://c/core/ConfigMap/shop/settings", id="named namespace"),
        pytest.param(
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}},
            "k8s://c/rbac.authorization.k8s.io/ClusterRole/-/r",
            id="cluster scoped",
        ),
        pytest.param(
            {"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "i"}},
            "k8s://c/networking.k8s.io/Ingress/default/i",
            id="kind that moved to another group",
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "namespace": "wrong"}},
            "k8s://c/core/Namespace/-/n",
            id="namespace on a cluster-scoped kind is ignored",
        ),
    ],
)
def test_names_the_object(body: dict[str, Any], uid: str) -> None:
    """An object has the uid that all facets of it share."""
    assert parse(body, cluster="c", salt=SALT).resource.uid == uid


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="nothing"),
        pytest.param("text", id="text"),
        pytest.param([], id="list"),
        pytest.param({}, id="empty"),
        pytest.param({"apiVersion": "v1", "kind": "Pod"}, id="no metadata"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": "x"}, id="metadata is text"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 7}}, id="number as name"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ""}}, id="empty name"),
        pytest.param({"apiVersion": 1, "kind": "Pod", "metadata": {"name": "x"}}, id="number as apiVersion"),
        pytest.param({"apiVersion": "v1", "kind": True, "metadata": {"name": "x"}}, id="boolean as kind"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "x-"}}, id="generated name"),
        pytest.param(config_map(namespace=3), id="number as namespace"),
        pytest.param({**config_map(), "x": object()}, id="no JSON form"),
        pytest.param({**config_map(), "x": 1 << 100_000}, id="endless number"),
    ],
)
def test_refuses_what_is_no_object(body: Any) -> None:
    """What has no identity is Invalid, never a crash."""
    with pytest.raises(Invalid):
        parse(body, cluster="c", salt=SALT)


def test_refuses_structures_that_contain_themselves() -> None:
    """A YAML alias to its own parent ends in Invalid."""
    body = config_map()
    body["data"] = body
    with pytest.raises(Invalid, match="nested deeper"):
        parse(body, cluster="c", salt=SALT)


def test_turns_yaml_types_into_json() -> None:
    """Dates, binary, numbers as keys and infinity become JSON as kubectl would send it."""
    body = config_map()
    body["data"] = {7: b"\x00\xff", True: datetime.date(2026, 1, 2), "nan": float("nan"), "set": {"x"}}
    parsed = parse(body, cluster="c", salt=SALT).body
    assert parsed["data"] == {"7": "AP8=", "true": "2026-01-02", "nan": "nan", "set": {"x": None}}
    json.dumps(parsed, allow_nan=False)


def test_expands_lists() -> None:
    """Lists of lists and typed lists give their items, with the kind that typed lists leave out."""
    pods = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "p"}}]}
    found = expand({"apiVersion": "v1", "kind": "List", "items": [config_map(), pods]})
    assert [o["kind"] for o in found] == ["ConfigMap", "Pod"]
    assert found[1]["apiVersion"] == "v1"


def test_expands_a_list_that_contains_itself() -> None:
    """A list in itself ends and is then refused as no object."""
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "List"}
    body["items"] = [body]
    assert len(expand(body)) == 1


@pytest.mark.parametrize(
    ("group", "kind", "expected"),
    [
        ("", "Node", True),
        ("apps", "Deployment", False),
        ("cert-manager.io", "ClusterIssuer", True),
        ("postgresql.cnpg.io", "Cluster", False),
        ("cluster.x-k8s.io", "ClusterClass", False),
    ],
)
def test_knows_cluster_scoped_kinds(group: str, kind: str, expected: bool) -> None:
    """Kinds outside namespaces are known, of operators by their naming."""
    assert is_cluster_scoped(group, kind) is expected


def test_hashes_equal_values_equally() -> None:
    """The same value gives the same hash from data and from stringData, and another one with another salt."""
    one = redact_secret(secret({"k": encoded("geheim")}), SALT)["data"]["k"]
    other = redact_secret(secret(stringData={"k": "geheim"}), SALT)["stringData"]["k"]
    assert one == other
    assert one.startswith("hmac-sha256:")
    assert len(one) == len("hmac-sha256:") + 32
    assert redact_secret(secret({"k": encoded("geheim")}), b"other")["data"]["k"] != one


VALUE = "hunter2-hunter2"
LEAKS = {
    "data": secret({"k": encoded(VALUE)}),
    "data with line breaks": secret({"k": encoded(VALUE)[:5] + "\n" + encoded(VALUE)[5:]}),
    "data that is no base64": secret({"k": VALUE + "!"}),
    "data as text": secret(VALUE),
    "data as list": secret([VALUE]),
    "nested data": secret({"k": {"deep": VALUE}}),
    "stringData": secret(stringData={"k": VALUE}),
    "number": secret(stringData={"k": 1234567890123}),
    "binary": secret({"k": VALUE.encode()}),
    "unknown field": secret(stringdata={"k": VALUE}),
    "type as object": secret(type={"k": VALUE}),
    "apiVersion of another group": {**secret({"k": encoded(VALUE)}), "apiVersion": "example.com/v1"},
    "last-applied": secret({"k": encoded(VALUE)})
    | {"metadata": {"name": "s", "annotations": {LAST: json.dumps(secret({"k": encoded(VALUE)}))}}},
    "last-applied with other value": secret({})
    | {"metadata": {"name": "s", "annotations": {LAST: json.dumps(secret(stringData={"k": VALUE}))}}},
    "broken last-applied": secret({}) | {"metadata": {"name": "s", "annotations": {LAST: '{"data": "' + VALUE}}},
    "last-applied as object": secret({}) | {"metadata": {"name": "s", "annotations": {LAST: {"k": VALUE}}}},
    "copy in an annotation": secret({"k": encoded(VALUE)})
    | {"metadata": {"name": "s", "annotations": {"note": f"password is {VALUE}"}}},
    "object in an annotation": secret({})
    | {"metadata": {"name": "s", "annotations": {"x": '{"data": {"k": "' + VALUE + '"}}'}}},
    "managedFields": secret({"k": encoded(VALUE)})
    | {
        "metadata": {
            "name": "s",
            "managedFields": [{"manager": "m", "fieldsV1": {"f:data": {"f:k": VALUE, f'v:"{VALUE}"': {}}}}],
        }
    },
    "managedFields as text": secret({}) | {"metadata": {"name": "s", "managedFields": VALUE}},
    "inside a template": {
        "apiVersion": "template.openshift.io/v1",
        "kind": "Template",
        "metadata": {"name": "t"},
        "objects": [secret({"k": encoded(VALUE)})],
    },
}


@pytest.mark.parametrize("body", LEAKS.values(), ids=LEAKS.keys())
def test_never_lets_a_secret_value_through(body: dict[str, Any]) -> None:
    """No place of a Secret carries a value on, plain or encoded; a second pass changes nothing."""
    parsed = parse(body, cluster="c", salt=SALT).body
    text = json.dumps(parsed)
    for value in (VALUE, encoded(VALUE), encoded(VALUE)[:8], "1234567890123"):
        assert value not in text
    if parsed["kind"] == "Secret":
        assert redact_secret(parsed, SALT) == parsed


def test_keeps_names_of_secret_keys() -> None:
    """Which keys a Secret has stays visible, also in the applied facet."""
    applied = {"metadata": {"name": "s", "annotations": {LAST: json.dumps(secret({"old": encoded(VALUE)}))}}}
    document = parse(secret({"new": None}) | applied, cluster="c", salt=SALT)
    witness = last_applied(document)
    assert list(document.body["data"]) == ["new"]
    assert witness is not None
    assert list(witness.body["data"]) == ["old"]


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "Pod", "metadata": {"name": "settings"}}', "[" * 5000])
def test_ignores_an_annotation_that_is_not_of_this_object(text: str) -> None:
    """A broken or foreign last-applied annotation is no applied facet."""
    assert last_applied(parse(config_map(annotations={LAST: text}), cluster="c", salt=SALT)) is None


KEYS = st.one_of(
    st.sampled_from(["apiVersion", "kind", "metadata", "name", "namespace", "annotations", "data", "items", LAST]),
    st.text(max_size=4),
    st.integers(),
    st.booleans(),
    st.none(),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4), st.dates(),
    st.sampled_from(["v1", "Secret", "List", "ConfigMap"]),
)  # fmt: skip
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5))


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_never_crashes(body: Any) -> None:
    """Whatever a YAML loader can build is parsed or Invalid."""
    for item in expand(body):
        with contextlib.suppress(Invalid):
            json.dumps(parse(item, cluster="c", salt=SALT).body)
