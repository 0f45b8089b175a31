"""Verdicts of the three-way comparison of Kubernetes objects, on small objects of our own."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.drift.server import serve
from graph.document import ABSENT, get, put
from graph.drift import Severity, Verdict, compare
from graph.errors import Invalid
from graph.kinds.kubernetes.parse import parse
from graph.version import Unreadable
from tests.graph.kinds.kubernetes.alterations import alterations, altered
from tests.graph.kinds.kubernetes.build import Object, annotated, found, managed, objects, read, report

WEB, SERVICE, CONFIG, SECRET, POLICY, ACCOUNT = objects()
CONTAINER = "/spec/template/spec/containers/0"

Setup = Callable[[Object], Object]
SETUPS: dict[str, Setup] = {
    "as declared": copy.deepcopy,
    "defaulted": serve,
    "with last-applied": lambda body: serve(body, annotate=True),
}


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS.keys())
def test_finds_nothing_on_untouched_objects(setup: Setup) -> None:
    """What the server adds to a freshly applied object is no finding."""
    result = report(objects(), [setup(o) for o in objects()])
    assert found(result) == []
    assert result.resources == 6


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS.keys())
def test_finds_each_alteration_alone_at_its_place(setup: Setup) -> None:
    """Every single alteration of every object gives exactly one finding at exactly its path."""
    for number, body in enumerate(objects()):
        for alteration in alterations(body):
            actual = [setup(o) for o in objects()]
            actual[number] = altered(actual[number], alteration)
            result = report(objects(), actual)
            place = alteration.path.removesuffix("/+")
            assert len(result.findings) == 1, (alteration, found(result))
            assert result.findings[0].path.startswith(place), alteration
            assert result.findings[0].verdict is Verdict.OUT_OF_BAND_CHANGE, alteration
            if not alteration.path.endswith("/+") and body["kind"] != "Secret":
                assert result.findings[0].path == place


def change(body: Object, path: str, value: Any) -> Object:
    changed = put(body, path, value)
    assert isinstance(changed, dict)
    return changed


SPELLINGS = {
    "quantity": (WEB, f"{CONTAINER}/resources/limits/cpu", "0.5"),
    "quantity as number": (WEB, f"{CONTAINER}/resources/limits/cpu", 0.5),
    "binary quantity": (WEB, f"{CONTAINER}/resources/limits/memory", "1024Mi"),
    "full image name": (WEB, f"{CONTAINER}/image", "docker.io/library/nginx:latest"),
    "env order": (WEB, f"{CONTAINER}/env", list(reversed(get(WEB, f"{CONTAINER}/env")))),  # type: ignore[call-overload]
    "port order": (SERVICE, "/spec/ports", list(reversed(SERVICE["spec"]["ports"]))),
    "empty map": (CONFIG, "/metadata/annotations", {}),
    "zero delay": (WEB, f"{CONTAINER}/readinessProbe/initialDelaySeconds", 0),
    "false flag": (WEB, "/spec/template/spec/hostNetwork", False),
    "empty list": (WEB, "/spec/template/spec/initContainers", []),
    "null": (WEB, "/spec/template/spec/nodeSelector", None),
    "empty ingress": (POLICY, "/spec/ingress", ABSENT),
    "server's books": (WEB, "/metadata/annotations", {"deployment.kubernetes.io/revision": "4"}),
    "status": (WEB, "/status", {"replicas": 9}),
    "float replicas": (WEB, "/spec/replicas", 2.0),
}


@pytest.mark.parametrize(("body", "path", "value"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_sees_through_spelling(body: Object, path: str, value: Any) -> None:
    """Another spelling of the same state is no finding."""
    assert found(report([body], [change(body, path, value)])) == []


DIFFERENT = {
    "decimal is not binary": (WEB, f"{CONTAINER}/resources/limits/memory", "1G"),
    "quantity in data is text": (CONFIG, "/data/LEVEL", "1"),
    "named port is no number": (SERVICE, "/spec/ports/0/targetPort", "80"),
    "order of arguments": (WEB, f"{CONTAINER}/args", ["--verbose", "--port", "8080"]),
    "selector of everything": (POLICY, "/spec/podSelector", {"matchLabels": {"app": "web"}}),
    "allow everything": (POLICY, "/spec/ingress", [{}]),
    "explicit zero": (WEB, "/spec/replicas", 0),
    "other registry": (WEB, f"{CONTAINER}/image", "example.com/library/nginx:latest"),
}


@pytest.mark.parametrize(("body", "path", "value"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_does_not_take_different_things_for_equal(body: Object, path: str, value: Any) -> None:
    """Only what the schema's type makes equal is equal."""
    assert len(report([body], [change(body, path, value)]).findings) == 1


def test_tells_an_undeclared_default() -> None:
    """A field that nobody declared and that differs from the default says what the default is."""
    result = report([CONFIG, change(WEB, "/spec/replicas", ABSENT)], [CONFIG, change(WEB, "/spec/replicas", 3)])
    (finding,) = result.findings
    assert (finding.path, finding.intended, finding.actual) == ("/spec/replicas", 1, 3)
    assert "the default is 1" in finding.note


THREE_WAY = {
    # intended, applied, actual -> verdict
    "out of band": ("a", "a", "b", "out_of_band_change"),
    "pending": ("b", "a", "a", "pending_rollout"),
    "conflict": ("a", "b", "c", "conflict"),
    "removed by hand": ("a", "a", ABSENT, "out_of_band_change"),
    "new and not applied": ("a", ABSENT, ABSENT, "pending_rollout"),
    "dropped and not applied": (ABSENT, "a", "a", "prune_pending"),
    "dropped and changed": (ABSENT, "a", "b", "conflict"),
    "added by hand": (ABSENT, ABSENT, "a", "out_of_band_change"),
}


@pytest.mark.parametrize("explicit", [True, False], ids=["applied facet", "annotation"])
@pytest.mark.parametrize(("i", "l", "a", "verdict"), THREE_WAY.values(), ids=THREE_WAY.keys())
def test_follows_the_verdict_table(i: Any, l: Any, a: Any, verdict: str, explicit: bool) -> None:  # noqa: E741
    """Each combination of the three facets of a field has its verdict, from either source of the applied state."""
    intended, applied, actual = (change(CONFIG, "/data/LOG", v) for v in (i, l, a))
    result = report([intended], [actual], [applied]) if explicit else report([intended], [annotated(actual, applied)])
    assert found(result) == [("/data/LOG", verdict)]


ARGUMENTS = {
    "inserted by hand": (["a", "b"], ["a", "b"], ["a", "x", "b"], "out_of_band_change"),
    "removed by hand": (["a", "b", "c"], ["a", "b", "c"], ["a", "c"], "out_of_band_change"),
    "new in the declaration": (["a", "b", "c"], ["a", "c"], ["a", "c"], "pending_rollout"),
    "dropped from the declaration": (["a", "c"], ["a", "b", "c"], ["a", "b", "c"], "prune_pending"),
}


@pytest.mark.parametrize(("i", "l", "a", "verdict"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_follows_entries_without_keys(i: Any, l: Any, a: Any, verdict: str) -> None:  # noqa: E741
    """An entry that came or went in an ordered list is found at its position and judged by its value."""
    intended, applied, actual = (change(WEB, f"{CONTAINER}/args", v) for v in (i, l, a))
    assert found(report([intended], [actual], [applied])) == [(f"{CONTAINER}/args/1", verdict)]


@pytest.mark.parametrize(("l", "a"), [("b", "a"), (ABSENT, "a")])
def test_tolerates_what_converged_by_hand(l: Any, a: Any) -> None:  # noqa: E741
    """A field that runs as declared is no drift although the deployer wrote something else."""
    applied, actual = change(CONFIG, "/data/LOG", l), change(CONFIG, "/data/LOG", a)
    result = report([change(CONFIG, "/data/LOG", "a")], [actual], [applied])
    assert result.findings == ()
    assert [f.verdict for f in result.tolerated] == [Verdict.CONVERGED_BY_HAND]


def test_says_that_the_baseline_is_assumed() -> None:
    """Without any applied state a difference is out of band, with the assumption noted."""
    (finding,) = report([CONFIG], [change(CONFIG, "/data/LOG", "debug")]).findings
    assert finding.note == "no applied state: baseline assumed"


OWNED = {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:replicas": {}, "f:selector": {}}}
LABEL = {"f:metadata": {"f:labels": {"f:team": {}}}}


@pytest.mark.parametrize(
    ("manager", "verdict", "live"),
    [
        ("kubectl-label", "out_of_band_change", True),
        ("somebody", "out_of_band_change", True),
        ("kube-controller-manager", "undeclared_addition", False),
    ],
)
def test_asks_who_added_a_label(manager: str, verdict: str, live: bool) -> None:
    """An addition is drift when its writer is not trusted for it, cosmetic for a label of the object."""
    actual = managed(change(WEB, "/metadata/labels/team", "x"), ("helm", OWNED), (manager, LABEL))
    result = report([WEB], [actual])
    (finding,) = result.findings if live else result.tolerated
    assert (finding.path, finding.verdict.value, finding.manager) == ("/metadata/labels/team", verdict, manager)
    assert finding.severity is Severity.COSMETIC


def test_reports_what_the_deployer_still_owns() -> None:
    """A label that was dropped from the declaration but is owned by the deployer waits for pruning."""
    both = {**OWNED, "f:metadata": {"f:labels": {"f:app": {}, "f:team": {}}}}
    actual = managed(change(WEB, "/metadata/labels/team", "x"), ("argocd-controller", both))
    assert found(report([WEB], [actual])) == [("/metadata/labels/team", "prune_pending")]


def test_a_request_to_read_a_secret_again_is_no_drift() -> None:
    """The annotation that triggers the External Secrets operator declares nothing; on other kinds it is one's own."""
    metadata = {"name": "keys", "namespace": "shop"}
    declared = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": metadata, "spec": {}}
    writes = {"f:metadata": {"f:annotations": {"f:force-sync": {}}}}
    asked = [
        managed(put(copy.deepcopy(body), "/metadata/annotations", {"force-sync": "1763769600"}), ("kubectl", writes))
        for body in (declared, WEB)
    ]
    assert found(report([declared], asked[:1])) == []
    assert found(report([WEB], asked[1:])) == [("/metadata/annotations/force-sync", "out_of_band_change")]


def test_names_the_person_behind_an_added_container() -> None:
    """A container that a human's client added is out of band, at the path of the entry, with its manager."""
    entry = {"name": "debug", "image": "busybox"}
    actual = change(WEB, "/spec/template/spec/containers/-", entry)
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"debug"}': {".": {}, "f:image": {}}}}}}}
    (finding,) = report([WEB], [managed(actual, ("helm", OWNED), ("kubectl-edit", fields))]).findings
    assert (finding.path, finding.manager) == ("/spec/template/spec/containers/1", "kubectl-edit")
    assert finding.intended is ABSENT


AUTOSCALER = objects("""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
""")[0]


@pytest.mark.parametrize(("replicas", "count"), [(5, 0), (3, 0), (6, 1), (1, 1)])
def test_lets_an_autoscaler_scale_within_its_range(replicas: int, count: int) -> None:
    """Replicas are expected to differ iff an autoscaler of the graph targets the workload and allows the number."""
    actual = [change(WEB, "/spec/replicas", replicas), AUTOSCALER]
    result = report([WEB, AUTOSCALER], actual)
    assert len(result.findings) == count
    assert count or result.tolerated[0].verdict is Verdict.EXPECTED_MUTATION


def test_reports_an_altered_port_number_once() -> None:
    """Changing the key of a list entry is one change, not a removal and an addition."""
    actual = change(serve(SERVICE), "/spec/ports/1/port", 5353)
    assert found(report([SERVICE], [actual])) == [("/spec/ports/1/port", "out_of_band_change")]


def test_reports_a_swapped_source_once() -> None:
    """Another member of a union is one change of the whole."""
    actual = change(WEB, f"{CONTAINER}/env/0", {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}})
    assert found(report([WEB], [actual])) == [(f"{CONTAINER}/env/0", "out_of_band_change")]


def test_compares_duplicates_as_multisets() -> None:
    """Of two environment variables with one name, the removed one is found."""
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    intended = change(WEB, f"{CONTAINER}/env", twice)
    assert found(report([intended], [change(intended, f"{CONTAINER}/env", [twice[1], twice[0]])])) == []
    one = change(intended, f"{CONTAINER}/env", [twice[1]])
    assert found(report([intended], [one])) == [(f"{CONTAINER}/env/0", "out_of_band_change")]


def test_gives_both_paths_where_positions_differ() -> None:
    """A finding's path counts in the intended object, its actual path in the observed one."""
    entries = get(WEB, f"{CONTAINER}/env")
    assert isinstance(entries, list)
    actual = change(WEB, f"{CONTAINER}/env", [*entries[1:], {"name": "A", "value": "x"}])
    (finding,) = report([WEB], [actual]).findings
    assert (finding.path, finding.actual_path) == (f"{CONTAINER}/env/0/value", f"{CONTAINER}/env/2/value")


def test_shows_secrets_by_hash_only() -> None:
    """A changed secret is found at the declared place without either value."""
    actual = {**{k: v for k, v in SECRET.items() if k != "stringData"}, "data": {"password": "YW5kZXJz"}}
    (finding,) = report([SECRET], [actual]).findings
    assert (finding.path, finding.actual_path) == ("/stringData/password", "/data/password")
    assert str(finding.intended).startswith("hmac-sha256:")
    assert str(finding.actual).startswith("hmac-sha256:")


CUSTOM = objects("""
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: shop}
spec: {size: 3, nodes: [{name: a, up: true}, {name: b, up: false}], wait: 1h, resources: {limits: {cpu: "1"}}}
""")[0]


def test_compares_custom_resources_by_structure() -> None:
    """Without a schema visible differences are drift, durations and sizes keep their meaning, additions are listed."""
    assert found(report([CUSTOM], [change(CUSTOM, "/spec/nodes/1/up", True)])) == [
        ("/spec/nodes/1/up", "out_of_band_change")
    ]
    same = change(change(CUSTOM, "/spec/wait", "60m"), "/spec/resources/limits/cpu", "1000m")
    assert found(report([CUSTOM], [same])) == []
    result = report([CUSTOM], [change(CUSTOM, "/spec/mode", "auto")])
    assert found(result) == []
    assert [f.path for f in result.tolerated] == ["/spec/mode"]


DEFINITION = objects("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer}
              mode: {type: string, default: auto}
              nodes:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, properties: {name: {type: string}, up: {type: boolean}}}
""")[0]


def test_reads_the_schema_of_custom_resources() -> None:
    """Where the definition is part of the environment, its defaults and list keys count."""
    nodes = list(reversed(CUSTOM["spec"]["nodes"]))
    actual = change(change(CUSTOM, "/spec/mode", "auto"), "/spec/nodes", nodes)
    result = report([DEFINITION, CUSTOM], [DEFINITION, actual])
    assert found(result) == []
    assert [f.rule for f in result.tolerated] == ["N11"]
    changed = change(actual, "/spec/mode", "manual")
    assert found(report([DEFINITION, CUSTOM], [DEFINITION, changed])) == [("/spec/mode", "out_of_band_change")]


@pytest.mark.parametrize(
    "path", ["/spec", "/spec/names", "/spec/versions", "/spec/versions/0", "/spec/versions/0/schema/openAPIV3Schema"]
)
@pytest.mark.parametrize("nonsense", [None, 7, "x", [[]], {"properties": [], "type": [{}], "items": 3}], ids=repr)
def test_survives_a_broken_definition(path: str, nonsense: Any) -> None:
    """A definition that makes no sense leaves its resources without a schema."""
    definition = change(DEFINITION, path, nonsense)
    assert found(report([definition, CUSTOM], [definition, CUSTOM])) == []
    assert len(report([definition, CUSTOM], [definition, change(CUSTOM, "/spec/size", 4)]).findings) == 1


def test_reports_a_removed_collection_as_a_whole() -> None:
    """A struct or list that is gone altogether is one finding at its own path, whatever the server puts there."""
    for path in (f"{CONTAINER}/resources", f"{CONTAINER}/env", "/spec/template/spec/volumes", "/metadata/labels"):
        assert found(report([WEB], [change(WEB, path, ABSENT)])) == [(path, "out_of_band_change")]


def test_reports_objects_that_one_side_lacks() -> None:
    """Missing, extra, never applied and no longer declared objects have their own verdicts."""
    extra = {**CONFIG, "metadata": {"name": "scratch", "namespace": "shop"}}
    assert [f.verdict.value for f in report([CONFIG, WEB], [WEB]).findings] == ["deleted_out_of_band"]
    assert [f.verdict.value for f in report([CONFIG, WEB], [WEB], [WEB]).findings] == ["never_applied"]
    assert [f.verdict.value for f in report([CONFIG, WEB], [WEB], [WEB, CONFIG]).findings] == ["deleted_out_of_band"]
    assert [f.verdict.value for f in report([WEB], [WEB, extra]).findings] == ["unmanaged"]
    assert [f.verdict.value for f in report([WEB], [WEB, extra], [WEB, extra]).findings] == ["prune_pending"]
    assert report([WEB], [WEB], [WEB, extra]).findings == ()


def test_leaves_objects_of_the_platform_alone() -> None:
    """Children, system objects and other namespaces are no unmanaged objects."""
    extras = objects("""
{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, ownerReferences: [{kind: ReplicaSet}]}}
---
{apiVersion: v1, kind: Endpoints, metadata: {name: web, namespace: shop}}
---
{apiVersion: v1, kind: Event, metadata: {name: web.1, namespace: shop}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: kube-system}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Node, metadata: {name: n1}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: elsewhere}}
""")
    result = report(objects(), [*objects(), *extras])
    assert result.findings == ()
    assert result.resources == 6
    assert {f.resource.display for f in result.tolerated} == {"Namespace/shop", "elsewhere/ConfigMap/x"}


def test_finds_a_pod_that_somebody_started_by_hand() -> None:
    """A bare pod among declared objects is unmanaged."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "debug", "namespace": "shop"}, "spec": {}}
    assert [f.verdict.value for f in report(objects(), [*objects(), pod]).findings] == ["unmanaged"]


def test_matches_manifests_without_a_namespace() -> None:
    """Manifests that leave the namespace open are compared with the objects of the namespace they were applied to."""
    loose = copy.deepcopy(objects())
    for body in loose:
        del body["metadata"]["namespace"]
    assert report(loose, objects()).findings == ()


def test_does_not_call_missing_what_was_not_observed() -> None:
    """With a partial observation a missing object is not comparable, never deleted and never clean."""
    result = compare(intended=read([WEB]), applied=None, actual=[], complete=False)
    assert result.findings == ()
    assert [n.resource for n in result.not_comparable] == ["shop/Deployment/web"]


def test_does_not_call_undeclared_what_may_stand_in_a_broken_file() -> None:
    """While a declaration can't be read, an extra object is not comparable and the rest is still compared."""
    broken = Unreadable(where="a.yaml", reason="bad indentation", line=7)
    actual = [CONFIG, change(WEB, "/spec/replicas", 9)]
    result = compare(intended=read([WEB]), applied=None, actual=read(actual), unreadable=[broken])
    assert found(result) == [("/spec/replicas", "out_of_band_change")]
    assert [(n.resource, n.line) for n in result.not_comparable] == [("a.yaml", 7), ("shop/ConfigMap/web", None)]


LOGIN = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"}, "data": {}}


def test_says_nothing_of_a_kind_that_may_not_be_listed() -> None:
    """Its declared objects are not comparable, with what to grant; the rest is judged as if all were read."""
    denied = Unreadable(
        where="/api/v1/secrets", reason="grant `list`", scopes=(read([LOGIN])[0].resource.uid.rpartition("shop/")[0],)
    )
    result = compare(
        intended=read([WEB, CONFIG, LOGIN]),
        applied=None,
        actual=read([WEB, change(LOGIN, "/metadata/name", "other"), change(CONFIG, "/metadata/name", "new")]),
        unreadable=[denied],
    )
    assert sorted((f.resource.display, f.verdict.value) for f in result.findings) == [
        ("shop/ConfigMap/new", "unmanaged"),
        ("shop/ConfigMap/web", "deleted_out_of_band"),
    ]
    assert [(n.resource, n.reason) for n in result.not_comparable] == [("shop/Secret/login", "grant `list`")]


def test_compares_the_namespaces_of_a_kind_that_were_read() -> None:
    """A token of one namespace sees that one exactly."""
    kind = read([LOGIN])[0].resource.uid.rpartition("shop/")[0]
    denied = Unreadable(where="secrets", reason="grant", scopes=(kind,), except_scopes=(f"{kind}shop/",))
    elsewhere = change(LOGIN, "/metadata/namespace", "ops")
    result = compare(intended=read([LOGIN, elsewhere]), applied=None, actual=[], unreadable=[denied])
    assert [(f.resource.display, f.verdict.value) for f in result.findings] == [
        ("shop/Secret/login", "deleted_out_of_band")
    ]
    assert [n.resource for n in result.not_comparable] == ["ops/Secret/login"]


def test_last_known_form_of_something_unreadable_is_not_compared() -> None:
    """What a broken file declared before, or a denied Secret held, may be anything by now."""
    broken = Unreadable(where="web.yaml", reason="bad", line=3, resource=read([WEB])[0].resource)
    actual = read([change(WEB, "/spec/replicas", 9)])
    result = compare(intended=read([WEB]), applied=None, actual=actual, unreadable=[broken])
    assert result.findings == result.tolerated == ()
    assert [(n.resource, n.line) for n in result.not_comparable] == [("shop/Deployment/web", 3)]


def test_missing_logs_hinder_no_comparison() -> None:
    """What a resource says of itself is not what it is."""
    dark = Unreadable(where="logs of web", reason="an outage", resource=read([WEB])[0].resource, is_read=True)
    actual = read([change(WEB, "/spec/replicas", 9)])
    result = compare(intended=read([WEB]), applied=None, actual=actual, unreadable=[dark])
    assert found(result) == [("/spec/replicas", "out_of_band_change")]


def test_tells_contradicting_declarations() -> None:
    """An object that is declared twice with different content is compared with the last one, and told."""
    result = report([change(CONFIG, "/data/LOG", "x"), CONFIG], [CONFIG])
    assert result.findings == ()
    assert "more than once" in result.not_comparable[0].reason


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99999) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PATHS = sorted(
    {
        "/".join(parts[: n + 1])
        for body in objects()
        for parts in [("", *path.split("/")[1:]) for path in (a.path.removesuffix("/+") for a in alterations(body))]
        for n in range(1, len(parts))
    }
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_survives_any_structure(data: st.DataObject) -> None:
    """Nonsense in any place of either object ends in a report or in Invalid, never in a crash."""
    sides = []
    for _ in range(2):
        bodies = []
        for body in objects():
            path = data.draw(st.sampled_from(PATHS))
            with contextlib.suppress(KeyError, ValueError):
                body = change(body, path, data.draw(JSONS))
            with contextlib.suppress(Invalid):
                bodies.append(parse(body, cluster="c", salt=b"test"))
        sides.append(bodies)
    compare(intended=sides[0], applied=sides[1], actual=sides[1])
    compare(intended=sides[0], applied=sides[0], actual=sides[1])


BOUND: list[Object] = list(
    yaml.safe_load_all("""
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects:
  - {kind: ServiceAccount, name: web, namespace: shop}
  - {kind: Group, name: ops, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: shop}
rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, list]}
  - {apiGroups: [apps], resources: [deployments], verbs: [patch]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: edge}}}, {ipBlock: {cidr: 10.0.0.0/8}}]
      ports: [{port: 80}, {port: 443}]
    - from: [{namespaceSelector: {matchLabels: {team: ops}}}]
""")
)


@pytest.mark.parametrize(
    ("number", "path"),
    [
        pytest.param(0, "/subjects", id="subjects"),
        pytest.param(1, "/rules", id="rules"),
        pytest.param(2, "/spec/ingress", id="ingress rules"),
        pytest.param(2, "/spec/ingress/0/from", id="peers"),
        pytest.param(2, "/spec/ingress/0/ports", id="policy ports"),
    ],
)
def test_order_of_alternatives_means_nothing(number: int, path: str) -> None:
    """Rules that are joined by "or" grant the same in any order; one changed rule is found where it stands."""
    entries = get(BOUND[number], path)
    assert isinstance(entries, list)
    actual = copy.deepcopy(BOUND)
    actual[number] = change(BOUND[number], path, entries[::-1])
    result = report(BOUND, actual)
    assert found(result) == []


def test_one_changed_rule_is_found_among_reordered_ones() -> None:
    """Another order of rules does not hide that one of them changed, nor make more of it."""
    actual = copy.deepcopy(BOUND)
    changed = change(BOUND[1], "/rules/0/verbs/1", "delete")
    actual[1] = change(changed, "/rules", get(changed, "/rules")[::-1])  # type: ignore[index]
    (finding,) = report(BOUND, actual).findings
    assert (finding.path, finding.actual_path) == ("/rules/0/verbs/1", "/rules/1/verbs/1")


JOBS: list[Object] = list(
    yaml.safe_load_all("""
apiVersion: batch/v1
kind: Job
metadata: {name: seed, namespace: shop}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: seed, image: "seed:1"}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: report, image: "report:1"}]}}}}
""")
)


def test_a_template_without_metadata_has_empty_metadata() -> None:
    """The labels that the server puts into the template of a Job, and a null time, are no finding; a label is one."""
    books = {"labels": {"controller-uid": "1", "job-name": "seed", "batch.kubernetes.io/job-name": "seed"}}
    job = change(JOBS[0], "/spec/template/metadata", books)
    cron = change(JOBS[1], "/spec/jobTemplate/metadata", {"creationTimestamp": None})
    assert found(report(JOBS, [job, cron])) == []
    labelled = change(job, "/spec/template/metadata/labels/team", "ops")
    (finding,) = report(JOBS, [labelled, cron]).findings
    assert finding.path == "/spec/template/metadata/labels/team"


@pytest.mark.parametrize(("name", "paths"), [("pull", ["/imagePullSecrets"]), ("web-dockercfg-x7k2p", [])])
def test_a_pull_secret_added_to_an_account_is_found(name: str, paths: list[str]) -> None:
    """Only the pull secrets that a platform makes for each account are by design."""
    live = [change(o, "/imagePullSecrets", [{"name": name}]) if o == ACCOUNT else o for o in objects()]
    assert [f.path for f in report(objects(), live).findings] == paths


def test_an_object_that_was_moved_is_not_taken_for_one_applied_elsewhere() -> None:
    """Objects without a namespace may all be applied into one; a single one of them elsewhere was moved."""
    declared = [{**o, "metadata": {"name": o["metadata"]["name"]}} for o in objects()]
    together = [change(o, "/metadata/namespace", "other") for o in declared]
    assert found(report(declared, together)) == []
    apart = [change(o, "/metadata/namespace", "other" if o["kind"] == "Service" else "default") for o in declared]
    (finding,) = report(declared, apart).findings
    assert (finding.resource.kind, finding.verdict) == ("Service", Verdict.DELETED_OUT_OF_BAND)
