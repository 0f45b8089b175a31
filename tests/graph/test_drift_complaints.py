"""What users of other tools complained about, one test each: false alarms that must not come back, and misses.

Each test names the threads; the reports are of Argo CD, Flux, Kyverno, Terraform, driftctl and Kubernetes itself.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from graph.document import put
from graph.drift import DriftReport, Verdict
from graph.field_managers import owners, written_at
from graph.finding import Finding
from graph.kinds.terraform.compare import compare
from graph.kinds.terraform.document import document
from tests.graph.kinds.kubernetes.build import managed, objects, report

Object = dict[str, Any]

WEB = objects()[0]
CONTAINER = "/spec/template/spec/containers/0"


def parsed(text: str) -> list[Object]:
    return [o for o in yaml.safe_load_all(text) if o]


def edited(body: Object, **places: Any) -> Object:
    """A copy with other values; keyword `a__b` is the pointer `/a/b`."""
    changed = copy.deepcopy(body)
    for place, value in places.items():
        changed = put(changed, "/" + place.replace("__", "/"), value)
    return changed


def drift(result: DriftReport) -> list[tuple[str, str]]:
    return [(f.path, f.verdict.value) for f in result.findings]


def listed(result: DriftReport) -> list[tuple[str, str, str]]:
    return [(f.path, f.verdict.value, f.rule) for f in result.tolerated]


STORE = parsed("""
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: shop}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      containers:
      - {name: store, image: "store:1", resources: {limits: {memory: 1G, cpu: "1"}, requests: {cpu: 500m}}}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1000M}}}}
""")[0]


def test_quantities_of_a_stateful_set_have_many_spellings() -> None:
    """argo-cd#17682, #21135: half a core in either spelling, and a gigabyte in millions; a gibibyte is another size."""
    limits = {"memory": "1000M", "cpu": "1000m"}
    live = edited(
        STORE,
        spec__template__spec__containers__0__resources__limits=limits,
        spec__template__spec__containers__0__resources__requests__cpu="0.5",
        spec__volumeClaimTemplates__0__spec__resources__requests__storage="1G",
    )
    assert drift(report([STORE], [live])) == []
    bigger = edited(live, spec__template__spec__containers__0__resources__limits__memory="1Gi")
    assert drift(report([STORE], [bigger])) == [(f"{CONTAINER}/resources/limits/memory", "out_of_band_change")]


@pytest.mark.parametrize("unknown", [{"futureTaintsPolicy": "Honor"}, {"futureTaintsPolicy": {"deep": ["a"]}}])
def test_a_field_newer_than_the_schema_does_not_spoil_the_rest(unknown: Object) -> None:
    """argo-cd#16400, #18879, #17358: quantities elsewhere are compared as ever, and the unknown field itself, too."""
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **unknown}
    declared = edited(WEB, spec__template__spec__topologySpreadConstraints=[spread], spec__futureReplacement="Always")
    live = edited(declared, spec__template__spec__containers__0__resources__limits__cpu="0.5")
    result = report([declared], [live])
    assert drift(result) == []
    assert listed(result) == [(f"{CONTAINER}/resources/limits/cpu", "representation_only", "N04")]
    changed = edited(live, spec__futureReplacement="Never")
    assert drift(report([declared], [changed])) == [("/spec/futureReplacement", "out_of_band_change")]


def test_a_default_of_a_field_newer_than_the_schema_is_no_drift() -> None:
    """The same threads from the other side: a server of a later version fills in what nobody here knows."""
    result = report([WEB], [edited(WEB, spec__futureReplacement="Always")])
    assert drift(result) == []
    assert listed(result) == [("/spec/futureReplacement", "undeclared_addition", "")]


SCALER = parsed("""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}}
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
""")[0]


def test_metrics_of_an_autoscaler_come_back_in_another_order() -> None:
    """argo-cd#1079, kubernetes#74099."""
    live = edited(SCALER, spec__metrics=SCALER["spec"]["metrics"][::-1])
    assert drift(report([SCALER], [live])) == []


WEBHOOK = parsed("""
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: inject}
webhooks:
- name: inject.example.com
  clientConfig: {service: {name: inject, namespace: mesh, path: /inject}}
  sideEffects: None
  admissionReviewVersions: [v1]
""")[0]


def test_certificates_are_injected_into_webhooks() -> None:
    """argo-cd#1487: what nobody declares is the injector's; a declared bundle that differs is drift."""
    live = edited(WEBHOOK, webhooks__0__clientConfig__caBundle="Y2E=")
    assert drift(report([WEBHOOK], [live])) == []
    declared = edited(WEBHOOK, webhooks__0__clientConfig__caBundle="b3duCg==")
    assert drift(report([declared], [live])) == [("/webhooks/0/clientConfig/caBundle", "out_of_band_change")]


def test_empty_resources_are_no_resources() -> None:
    """argo-cd#16355."""
    bare = edited(
        WEB, spec__template__spec__containers=[{"name": "web", "image": "web:1"}], spec__template__spec__volumes=[]
    )
    live = edited(bare, spec__template__spec__containers__0__resources={})
    assert drift(report([bare], [live])) == drift(report([live], [bare])) == []


POLICY = parsed("""
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: labels}
spec:
  rules:
  - name: team
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: m, pattern: {metadata: {labels: {team: "?*"}}}}
""")[0]


OPERATOR = parsed("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: kyverno-admission-controller, namespace: kyverno}
spec: {template: {spec: {containers: [{name: kyverno, image: "kyverno:1"}]}}}
""")[0]


def test_an_operator_completes_its_own_resources() -> None:
    """argo-cd#11074, kyverno#2234, #5738: defaults and generated rules of an operator that runs in the cluster."""
    generated = {"name": "autogen-team", "validate": {"message": "m"}}
    live = edited(
        POLICY, spec__background=True, spec__failurePolicy="Fail", spec__rules=[*POLICY["spec"]["rules"], generated]
    )
    applied: Object = {"f:spec": {"f:rules": {}}}
    own: Object = {"f:spec": {"f:background": {}, "f:failurePolicy": {}, "f:rules": {}}}
    seen = managed(live, ("kustomize-controller", applied), ("kyverno-admission-controller", own))
    assert drift(report([POLICY], [seen, OPERATOR])) == []
    assert len(drift(report([POLICY], [seen]))) == 3


def test_defaults_of_a_custom_resource_come_from_nobody() -> None:
    """argo-cd#11074: a field that no manager owns was filled in by the server from the resource's definition."""
    applied: Object = {"f:spec": {"f:rules": {}}}
    result = report([POLICY], [managed(edited(POLICY, spec__background=True), ("flux", applied))])
    assert drift(result) == []
    assert listed(result) == [("/spec/background", "representation_only", "N14")]


def test_a_mutating_policy_does_not_hide_what_people_do() -> None:
    """devantler-tech/platform#1846: what the webhook owns is expected; an image changed by hand beside it is drift."""
    live = edited(
        WEB, spec__template__spec__priorityClassName="batch", spec__template__spec__containers__0__image="evil:1"
    )
    deployer: Object = {"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:spec": {"f:volumes": {}}}}}
    mutated: Object = {"f:spec": {"f:template": {"f:spec": {"f:priorityClassName": {}}}}}
    image: Object = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}}}
    seen = managed(live, ("helm", deployer), ("kyverno-webhook", mutated), ("kubectl-edit", image))
    result = report([WEB], [seen])
    assert drift(result) == [(f"{CONTAINER}/image", "out_of_band_change")]
    assert ("/spec/template/spec/priorityClassName", "undeclared_addition", "") in listed(result)


SCALED = parsed("""
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web, namespace: shop}
spec: {scaleTargetRef: {name: web}, minReplicaCount: 0, maxReplicaCount: 20, triggers: [{type: cron}]}
""")[0]


@pytest.mark.parametrize("scaler", [SCALER, SCALED], ids=["HorizontalPodAutoscaler", "ScaledObject"])
def test_replicas_belong_to_the_autoscaler(scaler: Object) -> None:
    """Tanguille/cluster#4654, helm-controller#815: within its range only, and with the annotations of operators."""
    notes = {"autoscaling.keda.sh/paused-replicas": "4", "deployment.kubernetes.io/revision": "7"}
    live = edited(WEB, spec__replicas=4, metadata__annotations=notes)
    assert drift(report([WEB, scaler], [live, scaler])) == []
    beyond = edited(WEB, spec__replicas=50)
    assert drift(report([WEB, scaler], [beyond, scaler])) == [("/spec/replicas", "out_of_band_change")]


WIDGET = parsed("""
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: shop}
spec: {size: 3, free: {a: 1}}
""")[0]


def test_removed_keys_are_seen() -> None:
    """argo-cd#19136, #28818, #27625: a key that is gone from the live object, or from the declaration, is drift."""
    gone = edited(WIDGET, spec__free={})
    assert drift(report([WIDGET], [gone])) == [("/spec/free/a", "out_of_band_change")]
    owned = managed(edited(WIDGET, spec__left=1), ("flux", {"f:spec": {"f:size": {}, "f:free": {}, "f:left": {}}}))
    owned["metadata"]["managedFields"][0]["operation"] = "Apply"
    assert drift(report([WIDGET], [owned])) == [("/spec/left", "prune_pending")]


def test_equality_without_a_schema_is_not_claimed() -> None:
    """The same threads: whether an empty value is one can't be told, so it is listed as not comparable."""
    result = report([edited(WIDGET, spec__mode="")], [WIDGET])
    assert drift(result) == []
    assert listed(result) == [("/spec/mode", "not_comparable", "N09")]


def cloud(
    type: str, declared: Object, live: Object, applied: Object | None = None
) -> tuple[list[Finding], list[Finding]]:
    """Compare one Terraform resource; returns drift and what is tolerated."""
    facets = [
        [document(stack="shop", type=type, name="x", address=f"{type}.x", values=values, salt=b"salt")]
        for values in (declared, declared if applied is None else applied, live)
    ]
    found, mild, _ = compare(intended=facets[0], applied=facets[1], actual=facets[2])
    return found, mild


def test_computed_attributes_are_no_change_outside_of_terraform() -> None:
    """terraform#28776, #28803, driftctl#384: what only the provider knows is no drift."""
    found, _ = cloud(
        "aws_s3_bucket", {"bucket": "logs"}, {"bucket": "logs", "arn": "arn:aws:s3:::logs", "region": "eu"}
    )
    assert found == []


@pytest.mark.parametrize("empty", ["", None, [], {}], ids=repr)
def test_empty_is_none_for_computed_attributes(empty: Any) -> None:
    """driftctl#542."""
    found, _ = cloud("aws_instance", {"ami": "a"}, {"ami": "a", "user_data": empty})
    assert found == []


def test_principals_come_back_in_another_order() -> None:
    """terraform-provider-aws#11801, #20665, #22274, #30870, #45975."""
    one, other = "arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:role/x"
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    first, second = (
        json.dumps({"Statement": [{**allow, "Principal": {"AWS": named}}]})
        for named in ([one, other], [other, one[13:25]])
    )
    found, _ = cloud("aws_s3_bucket_policy", {"bucket": "b", "policy": first}, {"bucket": "b", "policy": second})
    assert found == []


def test_the_autoscaler_owns_the_desired_size() -> None:
    """terraform-aws-eks#34, #38, terraform-aws-n8n#50: within its bounds; putting it back would end live nodes."""
    sizes = {"scaling_config": [{"min_size": 1, "max_size": 9, "desired_size": 2}]}
    inside = {"scaling_config": [{"min_size": 1, "max_size": 9, "desired_size": 7}]}
    outside = {"scaling_config": [{"min_size": 1, "max_size": 9, "desired_size": 12}]}
    assert cloud("aws_eks_node_group", sizes, inside)[0] == []
    assert [f.verdict for f in cloud("aws_eks_node_group", sizes, outside)[0]] == [Verdict.OUT_OF_BAND_CHANGE]


def test_a_time_of_a_manager_is_a_bound_and_may_be_missing() -> None:
    """kubernetes#109576, #127938: without a time nothing is claimed, and the manager is still named."""
    fields: Object = {"f:spec": {"f:replicas": {}}}
    body = managed(WEB, ("helm", fields), ("kubectl-scale", fields))
    assert written_at(body, "/spec/replicas") is None
    assert [o.manager for o in owners(body, "/spec/replicas")] == ["kubectl-scale", "helm"]
    body["metadata"]["managedFields"][0]["time"] = "2026-01-02T03:04:05Z"
    assert written_at(body, "/spec/replicas") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
