"""Incidents that begin in the cloud account."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from app.demo.alerts import alertmanager, pagerduty
from app.demo.people import at_console
from app.demo.pipeline import STACK
from app.demo.scenario import Alert, Expected, Scenario
from app.demo.scene import scene
from graph.action import ActionKind
from graph.diagnosis.result import DiagnosisVerdict
from graph.resource import terraform_uid

_ONSET = timedelta(seconds=5)
"""How long before the alert it happens. Short, as a service that watches the estate saw it whole until just now."""


def _remove_decrypt(estate: Path, now: datetime) -> None:
    at = now - _ONSET
    with scene(estate, began=at, now=now) as told:
        policy = json.loads(told.store.cloud["aws_iam_role_policy.payments"]["values"]["policy"])
        policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != "DecryptCardTokens"]
        by_priya = at_console("priya.raman", address="198.51.100.87")
        told.set_cloud("aws_iam_role_policy.payments", {"policy": json.dumps(policy, indent=4)}, by=by_priya, at=at)
        # Somebody else labels another key in the same minute, which has nothing to do with it.
        tags = {"team": "platform", "cost-center": "4711"}
        by_maria = at_console("maria.lindqvist")
        told.set_cloud("aws_kms_key.data", {"tags": tags, "tags_all": tags}, by=by_maria, at=at + timedelta(seconds=2))


def _payments_failing(now: datetime) -> Alert:
    return pagerduty(
        title="payments: charges fail",
        service="payments",
        urgency="high",
        created=now,
        now=now,
    )


def _revoke_rule(estate: Path, now: datetime) -> None:
    at = now - _ONSET
    with scene(estate, began=at, now=now) as told:
        group = told.store.cloud["aws_security_group.orders_db"]["values"]
        left = [rule for rule in group["ingress"] if rule["description"] != "Worker nodes"]
        told.set_cloud("aws_security_group.orders_db", {"ingress": left}, by=at_console("maria.lindqvist"), at=at)


def _orders_timing_out(now: datetime) -> Alert:
    return alertmanager(
        name="OrdersUnavailable",
        labels={"namespace": "shop", "deployment": "orders", "severity": "critical", "cluster": "shop"},
        summary="orders answers no requests",
        description="No pod of orders is ready; checkouts fail at the last step.",
        expression="kube_deployment_status_replicas_available%7Bdeployment%3D%22orders%22%7D+%3D%3D+0",
        started=now,
    )


CLOUD_SCENARIOS = (
    Scenario(
        name="kms-permission-removed",
        title="A KMS permission is removed by hand in the console",
        story=(
            "Tidying up in the IAM console, Priya deletes the statement that lets payments decrypt card tokens; in the "
            "same minute Maria tags another key. From then on no card can be charged."
        ),
        inject=_remove_decrypt,
        alert=_payments_failing,
        expected=Expected(
            verdict=DiagnosisVerdict.CAUSE_FOUND,
            cause_kind="permission_removed",
            cause_resource=terraform_uid(stack=STACK, address="aws_iam_role_policy.payments"),
            action=ActionKind.SET_FIELDS,
        ),
    ),
    Scenario(
        name="database-rule-removed",
        title="The database's security group loses a rule",
        story=(
            "Maria cleans up security groups in the console and revokes the rule that lets the worker nodes reach "
            "PostgreSQL. Every service with tables runs into connection timeouts and drops out of its Service."
        ),
        inject=_revoke_rule,
        alert=_orders_timing_out,
        expected=Expected(
            verdict=DiagnosisVerdict.CAUSE_FOUND,
            cause_kind="security_group_rule_removed",
            cause_resource=terraform_uid(stack=STACK, address="aws_security_group.orders_db"),
            action=ActionKind.SET_FIELDS,
        ),
    ),
)
