"""An estate on disk in which permissions are lost: live state, Terraform, git and audit logs."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from dulwich import porcelain
from dulwich.repo import Repo

from graph.document import Json, Object
from graph.resource import Facet
from graph.version import Snapshot
from tools.adapters.cloudtrail import CloudTrail
from tools.adapters.deployments import Deployments
from tools.adapters.file_estate import FileEstate
from tools.adapters.git_history import GitHistory
from tools.adapters.kubernetes_audit import KubernetesAudit
from tools.adapters.manifests import ManifestSource
from tools.ports import ChangeSource, StateSource

FIRST = datetime(2026, 11, 22, 11, 50, tzinfo=UTC)
"""First reading, before anything happens."""
LOST = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
"""When the permission goes."""
SECOND = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
"""Second reading."""
DEPLOYER = "ci-deploy"
CLUSTER_DEPLOYER = "system:serviceaccount:ci:deployer"
DEPLOYERS = frozenset({DEPLOYER, CLUSTER_DEPLOYER})
ACCOUNT = "111122223333"
_COMPUTED = frozenset({"arn", "id", "key_id", "grant_id", "association_id", "revision"})
_SALT = b"salt"


class Estate:
    """What runs, what is declared and applied, and every log about it."""

    def __init__(self, root: Path, cloud: dict[str, Object], objects: list[Object]) -> None:
        self.root = root
        self.cloud = cloud
        """Address to attributes, as they are."""
        self.objects = {(o["kind"], o["metadata"]["name"]): o for o in objects}
        self.declared = copy.deepcopy((self.cloud, self.objects))
        self.trail: list[Object] = []
        self.audit: list[Object] = []
        self.runs: list[Object] = []
        self._repo: Repo | None = None

    def write(self) -> None:
        """Write live state, applied state and logs as they are now."""
        for address, values in self.cloud.items():
            kind, _, name = address.partition(".")
            body = {"type": kind, "name": name, "address": address, "provider": "aws", "values": values, "version": 1}
            self._put(f"actual/cloud/{address}.json", json.dumps(body))
        for old in (self.root / "actual/cloud").glob("*.json"):
            if old.stem not in self.cloud:
                old.unlink()
        for (kind, name), body in self.objects.items():
            self._put(f"actual/kubernetes/shop/{kind}/{name}.yaml", yaml.safe_dump(body))
        self._put("terraform.tfstate", json.dumps(_state(self.declared[0])))
        for name, lines in (("cloudtrail", self.trail), ("kubernetes", self.audit), ("deployments", self.runs)):
            self._put(f"audit/{name}.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def commit(self, message: str, at: datetime, *, author: str = "Ann <ann@example.com>") -> str:
        """Declare what is now in git, and return the commit."""
        self.declared = copy.deepcopy((self.cloud, self.objects))
        self._put("repo/main.tf", "".join(_block(address, values) for address, values in self.cloud.items()))
        self._put("repo/shop.yaml", "---\n".join(yaml.safe_dump(o) for o in self.objects.values()))
        if self._repo is None:
            self._repo = porcelain.init(self.root / "repo")
        porcelain.add(self._repo, [str(self.root / "repo/main.tf"), str(self.root / "repo/shop.yaml")])
        stamp, who = int(at.timestamp()), author.encode()
        made = porcelain.commit(
            self._repo,
            message.encode(),
            author=who,
            committer=who,
            author_timestamp=stamp,
            commit_timestamp=stamp,
            author_timezone=0,
            commit_timezone=0,
        )
        return made.decode()

    def run(self, commit: str, *, actor: str = DEPLOYER) -> None:
        """Record a deployment of a commit around the time of the loss."""
        data = {
            "change_id": f"run-{len(self.runs)}",
            "kind": "deploy",
            "action": "updated",
            "status": "succeeded",
            "started_at": _stamp(LOST - timedelta(seconds=40)),
            "finished_at": _stamp(LOST + timedelta(seconds=40)),
            "actor": {"id": actor, "type": "automation"},
            "version": {"commit": commit},
        }
        event = {"specversion": "1.0", "id": f"e-{len(self.runs)}", "source": "ci", "type": "dev.plumbline.change.v1"}
        self.runs.append({**event, "time": _stamp(LOST), "data": data})

    def call(self, service: str, event: str, request: Object, who: str, *, at: datetime = LOST, **more: Json) -> None:
        """Record an AWS call; `who` is the deployer, or the session name of a person."""
        role = DEPLOYER if who == DEPLOYER else "AWSReservedSSO_Admin_0123"
        session = "run-812" if who == DEPLOYER else who
        identity = {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}",
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "userName": role, "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}
            },
        }
        self.trail.append(
            {
                "eventVersion": "1.11",
                "eventID": f"event-{len(self.trail)}-{event}",
                "eventTime": _stamp(at),
                "eventSource": f"{service}.amazonaws.com",
                "eventName": event,
                "userIdentity": identity,
                "requestParameters": request,
                "responseElements": None,
                "readOnly": False,
                "eventType": "AwsApiCall",
                "managementEvent": True,
                **more,
            }
        )

    def update(self, kind: str, name: str, who: str, *, at: datetime = LOST) -> None:
        """Record that an object was updated to what it is now; the first record of it has its first body."""
        plural, group = {"ServiceAccount": ("serviceaccounts", ""), "Deployment": ("deployments", "apps")}[kind]
        body = copy.deepcopy(self.objects[kind, name])
        self.audit.append(
            {
                "apiVersion": "audit.k8s.io/v1",
                "kind": "Event",
                "level": "RequestResponse",
                "auditID": f"audit-{len(self.audit)}",
                "stage": "ResponseComplete",
                "verb": "update" if at > FIRST else "create",
                "user": {"username": CLUSTER_DEPLOYER if who == DEPLOYER else who},
                "objectRef": {"resource": plural, "namespace": "shop", "name": name, "apiGroup": group},
                "responseStatus": {"code": 200},
                "requestObject": body,
                "responseObject": body,
                "requestReceivedTimestamp": _stamp(at),
                "stageTimestamp": _stamp(at),
            }
        )

    def states(self, at: datetime) -> list[StateSource]:
        """Return the sources of the three facets, read at a time."""
        names = {"cluster": "demo", "stack": "demo", "salt": _SALT, "clock": lambda: at}
        declared = ManifestSource("git:shop", self.root / "repo", facet=Facet.INTENDED, **names)  # type: ignore[arg-type]
        applied = ManifestSource(
            "files:state",
            self.root / "terraform.tfstate",
            facet=Facet.APPLIED,
            **names,  # type: ignore[arg-type]
        )
        return [declared, applied, FileEstate("estate:demo", self.root / "actual", **names)]  # type: ignore[arg-type]

    def logs(self) -> list[ChangeSource]:
        """Return the sources of changes."""
        audit = self.root / "audit"
        return [
            GitHistory("git:shop", self.root / "repo", cluster="demo", stack="demo", salt=_SALT),
            CloudTrail("cloudtrail", audit / "cloudtrail.jsonl", deployers=DEPLOYERS, salt=_SALT),
            KubernetesAudit("audit", audit / "kubernetes.jsonl", cluster="demo", deployers=DEPLOYERS, salt=_SALT),
            Deployments("deployments", audit / "deployments.jsonl"),
        ]

    def read(self, at: datetime) -> Iterator[Snapshot]:
        """Read all facets as they are on disk."""
        for source in self.states(at):
            yield source.read()

    def _put(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _state(cloud: dict[str, Object]) -> Object:
    """The state file that the last apply left."""
    resources = [
        {
            "mode": "managed",
            "type": address.partition(".")[0],
            "name": address.partition(".")[2],
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 0, "attributes": values, "sensitive_attributes": []}],
        }
        for address, values in cloud.items()
    ]
    return {
        "version": 4,
        "terraform_version": "1.9.8",
        "serial": 1,
        "lineage": "l",
        "outputs": {},
        "resources": resources,
    }


def _block(address: str, values: Object) -> str:
    kind, _, name = address.partition(".")
    lines = [f"  {key} = {_literal(value)}\n" for key, value in values.items() if key not in _COMPUTED]
    return f'resource "{kind}" "{name}" {{\n{"".join(lines)}}}\n\n'


def _literal(value: Json) -> str:
    if isinstance(value, str) and value.startswith("{"):
        return f"<<EOF\n{value}\nEOF\n"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_literal(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)
