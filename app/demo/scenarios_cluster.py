"""Incidents that begin in the cluster: a release, and things that people did with kubectl."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

from app.demo.alerts import alertmanager, opsgenie, pagerduty
from app.demo.people import person
from app.demo.pipeline import CLUSTER
from app.demo.scenario import Alert, Expected, Scenario
from app.demo.scene import NAMESPACE, scene
from graph.action import ActionKind
from graph.diagnosis.result import DiagnosisVerdict
from graph.document import Object
from graph.resource import kubernetes_uid

_ONSET = timedelta(seconds=5)
"""How long before the alert it happens. Short, as a service that watches the estate saw it whole until just now."""
_BROKEN_TAG = "4.3.0"
"""A tag that was announced but never pushed."""


def uid(kind: str, name: str, group: str = "") -> str:
    """Return the uid of an object in the shop's namespace."""
    return kubernetes_uid(cluster=CLUSTER, group=group, kind=kind, namespace=NAMESPACE, name=name)


def _release_missing_image(estate: Path, now: datetime) -> None:
    started = now - timedelta(seconds=45)
    with scene(estate, began=now - _ONSET, now=now) as told:
        found = re.search(r"shop/catalog:(\S+)", told.file_text("kubernetes/catalog.yaml"))
        if found is None or found[1] == _BROKEN_TAG:
            return
        told.deploy(
            "kubernetes/catalog.yaml",
            was=found[0],
            now=f"shop/catalog:{_BROKEN_TAG}",
            author="deploy-bot <deploy-bot@kettle.example>",
            message=f"Release catalog {_BROKEN_TAG}",
            at=started - timedelta(seconds=20),
            started=started,
        )


def _image_missing(now: datetime) -> Alert:
    return alertmanager(
        name="KubeContainerWaiting",
        labels={"namespace": "shop", "deployment": "catalog", "severity": "warning", "cluster": "shop"},
        summary="A container of shop/catalog is waiting",
        description="A container of deployment shop/catalog can't start.",
        expression="kube_pod_container_status_waiting_reason%7Bnamespace%3D%22shop%22%7D",
        started=now,
    )


def _break_timeout(estate: Path, now: datetime) -> None:
    at = now - 2 * _ONSET
    with scene(estate, began=now - _ONSET, now=now) as told:
        by = person("tomas.ferreira", address="198.51.100.41")
        told.edit("ConfigMap", "checkout-config", "/data/PAYMENTS_TIMEOUT", "8000", by=by, at=at)
        told.settle(at)
        # Nothing happens before the pods are started anew and read it.
        by = person("tomas.ferreira", tool="delete", address="198.51.100.41")
        told.delete_pods("Deployment", "checkout", by=by, at=now - _ONSET)


def _checkout_down(now: datetime) -> Alert:
    return opsgenie(
        message="checkout: synthetic order fails",
        entity="checkout",
        tags=["service:checkout", "namespace:shop", "env:production"],
        priority="P1",
        created=now,
    )


def _cut_off_fulfilment(estate: Path, now: datetime) -> None:
    at = now - _ONSET
    policy: Object = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "tmp-fulfilment-egress", "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "fulfilment"}},
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "inventory"}}}]},
                {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": 443}]},
                {"ports": [{"protocol": "UDP", "port": 53}]},
            ],
        },
    }
    with scene(estate, began=at, now=now) as told:
        by = person("jonas.weber", tool="create", address="198.51.100.66")
        told.create(policy, by=by, at=at)


def _fulfilment_failing(now: datetime) -> Alert:
    return pagerduty(
        title="fulfilment: parcels are not booked, order queue is growing",
        service="fulfilment",
        urgency="high",
        created=now,
        now=now,
    )


def _delete_session_keys(estate: Path, now: datetime) -> None:
    at = now - 2 * _ONSET
    with scene(estate, began=now - _ONSET, now=now) as told:
        by = person("jonas.weber", tool="delete", address="198.51.100.66")
        told.delete("Secret", "accounts-session-keys", by=by, at=at)
        told.settle(at)
        by = person("aiko.tanabe", tool="delete", address="203.0.113.12")
        told.delete_pods("Deployment", "accounts", by=by, at=now - _ONSET)


def _accounts_down(now: datetime) -> Alert:
    return alertmanager(
        name="KubeContainerWaiting",
        labels={
            "namespace": "shop",
            "deployment": "accounts",
            "container": "accounts",
            "severity": "critical",
            "cluster": "shop",
        },
        summary="Containers of shop/accounts are waiting",
        description="Containers accounts in namespace shop can't start.",
        expression="kube_pod_container_status_waiting_reason%7Bnamespace%3D%22shop%22%7D",
        started=now,
    )


def _point_elsewhere(estate: Path, now: datetime) -> None:
    at = now - _ONSET
    with scene(estate, began=at, now=now) as told:
        by = person("jonas.weber", tool="patch", address="198.51.100.66")
        told.edit("Service", "search", "/spec/selector/app.kubernetes.io~1name", "search-v2", by=by, at=at)


def _search_unreachable(now: datetime) -> Alert:
    return alertmanager(
        name="ServiceHasNoEndpoints",
        labels={"namespace": "shop", "service": "search", "severity": "critical", "cluster": "shop"},
        summary="Service shop/search has no endpoints",
        description="Requests to search are refused; the shop shows no results.",
        expression="kube_endpoint_address_available%7Bendpoint%3D%22search%22%7D+%3D%3D+0",
        started=now,
    )


def _found(kind: str, resource: str, action: ActionKind) -> Expected:
    return Expected(verdict=DiagnosisVerdict.CAUSE_FOUND, cause_kind=kind, cause_resource=resource, action=action)


CLUSTER_SCENARIOS = (
    Scenario(
        name="bad-image-rollout",
        title="A release names an image that does not exist",
        story=(
            "The pipeline deploys catalog 4.3.0, whose image was never pushed; intended and actual state agree, so "
            "nothing has drifted. The old pods keep serving, and the rollout hangs."
        ),
        inject=_release_missing_image,
        alert=_image_missing,
        expected=_found("bad_image", uid("Deployment", "catalog", "apps"), ActionKind.SET_FIELDS),
    ),
    Scenario(
        name="config-changed-out-of-band",
        title="A ConfigMap key is edited past the pipeline",
        story=(
            "Tomás raises a timeout of checkout with kubectl edit and forgets the unit. A little later he deletes the "
            "pods so that they read it, and none of the new ones comes up."
        ),
        inject=_break_timeout,
        alert=_checkout_down,
        expected=_found("config_changed", uid("ConfigMap", "checkout-config"), ActionKind.SET_FIELDS),
    ),
    Scenario(
        name="network-policy-blocks-caller",
        title="A NetworkPolicy that nobody declared cuts a caller off",
        story=(
            "While debugging, Jonas creates an egress policy for fulfilment and forgets two of the services it calls. "
            "Calls to shipping and notifications time out, and parcels are no longer booked."
        ),
        inject=_cut_off_fulfilment,
        alert=_fulfilment_failing,
        expected=_found(
            "network_policy",
            uid("NetworkPolicy", "tmp-fulfilment-egress", "networking.k8s.io"),
            ActionKind.DELETE_OBJECT,
        ),
    ),
    Scenario(
        name="secret-removed",
        title="A Secret is deleted; the next restart fails",
        story=(
            "Jonas deletes what looks like a leftover Secret, and running pods do not notice. When Aiko restarts "
            "accounts, its containers can't be created and nobody can sign in."
        ),
        inject=_delete_session_keys,
        alert=_accounts_down,
        expected=_found("missing_secret", uid("Secret", "accounts-session-keys"), ActionKind.RESYNC_SECRET),
    ),
    Scenario(
        name="service-selector-mismatch",
        title="A Service selects pods that do not exist",
        story=(
            "Preparing a new version, Jonas patches the selector of the Service search in the wrong cluster. The pods "
            "are fine, but the Service has no endpoints and every search is refused."
        ),
        inject=_point_elsewhere,
        alert=_search_unreachable,
        expected=_found("selector_mismatch", uid("Service", "search"), ActionKind.SET_FIELDS),
    ),
)
