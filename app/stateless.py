"""Compare facets given as files or directories, without a service or a database."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from graph.document import ABSENT, Absent, Json, Object
from graph.drift import DriftReport, Finding, NotComparable, compare
from graph.errors import NotFound
from graph.kinds.compose.identity import under_one_name
from graph.resource import Facet, Platform
from graph.version import Document, Snapshot
from tools.adapters.manifests import ManifestSource

_CLUSTER = "cluster"
_STACK = "stack"


def compare_paths(*, intended: Path, applied: Path | None, actual: Path) -> DriftReport:
    """Compare the declared state in `intended` with the dump of what runs in `actual`.

    Args:
        intended: manifests, kustomizations, Helm charts, Terraform or Compose files, plain or in git.
        applied: what the deployer last wrote; when None taken from the objects' own annotation, and from the state
            before the refresh that a Terraform plan or the state beside the sources in `intended` tells.
        actual: object dumps such as those of `kubectl get -o yaml` or `docker inspect`, or a Terraform state.

    Raises:
        NotFound: there is nothing at a path, or nothing in it that declares or describes resources. That is not the
            same as an empty list of objects, which says that nothing exists.
        OutsideError: a path can't be read at all.
    """
    # Only equality of hashes matters, so a salt that nobody ever learns is the best one.
    salt = secrets.token_bytes(32)
    declared = _read(intended, Facet.INTENDED, salt)
    written = _read(applied, Facet.APPLIED, salt) if applied else None
    live = _read(actual, Facet.ACTUAL, salt)
    unreadable = [u for s in (declared, written, live) if s for u in s.unreadable]
    return compare(
        intended=declared.documents,
        applied=(
            under_one_name(written.documents, declared.documents)
            if written
            else _last_applied(intended, declared, salt)
        ),
        actual=under_one_name(live.documents, declared.documents),
        unreadable=unreadable,
        complete=live.complete,
    )


def _last_applied(path: Path, declared: Snapshot, salt: bytes) -> list[Document] | None:
    """Return what the Terraform files among the declared ones say of the last apply; None when they say nothing."""
    if not any(d.resource.platform is Platform.TERRAFORM for d in declared.documents):
        return None
    documents = _read(path, Facet.APPLIED, salt).documents
    return [d for d in documents if d.resource.platform is Platform.TERRAFORM] or None


def report_json(report: DriftReport) -> Object:
    """The form of `drift --json` and of the API."""
    return {
        "resources": report.resources,
        "findings": [finding_json(f) for f in report.findings],
        "tolerated": [finding_json(f) for f in report.tolerated],
        "not_comparable": [_not_comparable_json(n) for n in report.not_comparable],
    }


def finding_json(finding: Finding) -> Object:
    """One finding; `absent` names the facets in which the value does not exist, which null alone would not tell."""
    values = {"intended": finding.intended, "applied": finding.applied, "actual": finding.actual}
    return {
        "resource": finding.resource.display,
        "uid": finding.resource.uid,
        "kind": finding.resource.kind,
        "namespace": finding.resource.namespace,
        "name": finding.resource.name,
        "path": finding.path,
        "actual_path": finding.actual_path or finding.path,
        "verdict": finding.verdict.value,
        **{k: _shown(v) for k, v in values.items()},
        "absent": [k for k, v in values.items() if v is ABSENT],
        "rule": finding.rule,
        "severity": finding.severity.value,
        "manager": finding.manager,
        "note": finding.note,
    }


def _shown(value: Json | Absent) -> Json:
    return None if value is ABSENT else value


def _not_comparable_json(entry: NotComparable) -> Object:
    return {"resource": entry.resource, "uid": entry.uid, "reason": entry.reason, "line": entry.line}


def _read(path: Path, facet: Facet, salt: bytes) -> Snapshot:
    source = ManifestSource(
        str(path), path, facet=facet, cluster=_CLUSTER, stack=_STACK, salt=salt, clock=lambda: datetime.now(UTC)
    )
    reading = source.inspect()
    if not reading.is_state:
        raise NotFound(
            f"nothing in {str(path)!r} declares or describes a resource: check the path; expected are manifests, "
            "a kustomization, a Helm chart, Terraform, a Compose file, or a dump as `kubectl get -o yaml` or "
            "`docker inspect` gives it"
        )
    return reading.snapshot
