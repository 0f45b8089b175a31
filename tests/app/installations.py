"""Installations over the demo estate in which something waits to be executed, and what became of the estate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from app.demo.build import environment_config, locate
from app.executor import Executor
from app.settings import ExecutorSettings, Settings
from app.store.proposal_records import Proposal
from app.store.users import Role
from app.wiring import Store, build_executor, open_store
from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, Risk, observed_digest
from graph.blast_radius import BlastRadius
from graph.incident import Alert, AlertStatus
from graph.policy import POLICY_VERSION
from tests.demo_estates import built, k8s
from tools.actions.file_estate import FileEstateTarget
from tools.adapters.estate_files import lines

CONFIG = k8s("ConfigMap", "checkout-config")
PATH = "/data/PAYMENTS_TIMEOUT"
BEFORE, AFTER = "2500ms", "2600ms"
EXECUTOR_USER = "system:serviceaccount:plumbline:plumbline-executor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One data directory, with a demo estate and a database."""

    data_dir: Path
    store: Store

    @property
    def settings(self) -> Settings:
        """Settings of its service."""
        return Settings(data_dir=self.data_dir, environments=(environment_config(self.data_dir),))  # type: ignore[arg-type]

    @property
    def estate(self) -> Path:
        """Directory of its estate."""
        return locate(self.data_dir).estate

    @property
    def target(self) -> FileEstateTarget:
        """Write access as the executor has it."""
        return FileEstateTarget(self.estate, cluster="shop", stack="shop-aws", actor="plumbline-executor")

    def executor(self) -> Executor:
        """Build its executor."""
        own = ExecutorSettings.model_validate(
            {"targets": [{"type": "estate", "environment": "shop", "path": str(self.estate)}], "poll_s": 0.05}
        )
        built: Executor = build_executor(self.settings, own)
        return built

    def approved(self, *, is_good: bool = True, approvers: Sequence[str] = ("alma",), **more: object) -> str:
        """Propose to set the timeout, approve that, and return the id of the proposal.

        With `is_good` false, its verification never holds, so that it is rolled back.
        """
        now = datetime.now(UTC)
        incident = self.store.incidents.receive_alert(_alert(now), environment="shop").incident_id
        stored = self.store.proposals.create(
            incident_id=incident,
            plan=self.plan(is_good=is_good, **more),
            requester="agent:plumbline",
            blast=BlastRadius(seeds=(), affected=(), unseen=(), unseen_share=0),
            policy_version=POLICY_VERSION,
            required_approvals=1,
            expires_at=now + timedelta(hours=1),
            now=now,
        )
        for name in approvers:
            self.store.proposals.approve(
                stored.id, approver=name, approver_roles=["approver"], digest=stored.digest, now=now
            )
        return stored.id

    def plan(self, *, is_good: bool = True, **more: object) -> Plan:
        """Make a plan on the estate as it is now."""
        live = self.target.read(CONFIG)
        assert live is not None
        wanted = AFTER if is_good else "what nobody writes"
        values: dict[str, object] = {
            "environment": "shop",
            "action": _set(BEFORE, AFTER),
            "title": "Set 1 field of shop/ConfigMap/checkout-config",
            "reason": "a test",
            "preconditions": (Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path=PATH, value=BEFORE),),
            "verification": (Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path=PATH, value=wanted),),
            "verify_within_s": 0.2,
            "rollback": (_set(AFTER, BEFORE),),
            "observed": observed_digest(live.body),
            "observed_at": datetime.now(UTC),
            "risk": Risk.LOW,
            "policy_version": POLICY_VERSION,
        }
        return Plan(**(values | more))  # type: ignore[arg-type]

    def value(self) -> str:
        """The timeout as it is in the estate now."""
        live = self.target.read(CONFIG)
        assert live is not None
        return str(live.body["data"]["PAYMENTS_TIMEOUT"])

    def writes(self) -> int:
        """How often the executor wrote anything, by the estate's own audit log."""
        records = lines(self.estate / "audit" / "kubernetes.jsonl")
        return sum(1 for r in records if isinstance(r, dict) and r["user"]["username"] == EXECUTOR_USER)

    def proposal(self, id: str) -> Proposal:
        """The proposal as it is stored now."""
        return self.store.proposals.get(id)


def template(folder: Path) -> Path:
    """Build a demo and an empty database with one approver, to be copied."""
    built(folder)
    store = open_store(Settings(data_dir=folder))
    store.users.create("alma", Role.APPROVER)
    store.users.create("boris", Role.APPROVER)
    store.database.dispose()
    return folder


def installed(template: Path, folder: Path) -> Installation:
    """Copy a template into another folder, and open it."""
    shutil.copytree(template, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("pristine"))
    config = {"targets": [{"type": "estate", "environment": "shop", "path": str(locate(folder).estate)}]}
    (folder / "executor.yaml").write_text(yaml.safe_dump(config))
    os.chmod(folder / "executor.yaml", 0o600)
    return Installation(data_dir=folder, store=open_store(Settings(data_dir=folder)))


def _set(before: str, after: str) -> Action:
    return Action(kind=ActionKind.SET_FIELDS, target=CONFIG, edits=(FieldEdit(path=PATH, before=before, after=after),))


def _alert(now: datetime) -> Alert:
    return Alert(
        id="pagerduty:Q1",
        sender="pagerduty",
        key="Q1",
        status=AlertStatus.FIRING,
        title="Checkout is slow",
        severity="critical",
        labels={"deployment": "checkout"},
        started_at=now,
    )
