"""What GitHub, GitLab and Argo CD say of deployments becomes runs with revision, actor, environment and window."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from graph.change import ActorType, Change
from graph.errors import Invalid
from graph.runs import LONGEST_RUN, covers, runs
from tools.adapters.argocd_events import read_argocd
from tools.adapters.changes_http import parse_change_event
from tools.adapters.delivery import Ignored
from tools.adapters.github_events import is_signed, read_github
from tools.adapters.gitlab_events import is_authentic, read_gitlab

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
START = dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)


def _minutes(count: int) -> str:
    return (START + dt.timedelta(minutes=count)).isoformat().replace("+00:00", "Z")


def _deployment(state: str | None, minute: int = 0, **more: Any) -> dict[str, Any]:
    body = {
        "deployment": {
            "id": 7,
            "sha": "a" * 40,
            "ref": "main",
            "environment": "production",
            "created_at": _minutes(0),
            "creator": {"login": "ci[bot]", "type": "Bot"},
        },
        "repository": {"full_name": "shop/web"},
        **more,
    }
    if state:
        body["deployment_status"] = {"id": minute, "state": state, "created_at": _minutes(minute)}
    return body


def _changes(found: list[Change] | Ignored) -> list[Change]:
    assert not isinstance(found, Ignored), found
    return found


def _read(*bodies: dict[str, Any]) -> list[Change]:
    return [c for body in bodies for c in _changes(read_github(body, received_at=NOW))]


def test_messages_about_one_deployment_are_one_window() -> None:
    """Beginning and end come in messages of their own, in any order."""
    told = _read(_deployment("success", 20), _deployment(None), _deployment("in_progress", 1))
    (run,) = runs(told, environment="production")
    assert (run.earliest, run.latest) == (START, START + dt.timedelta(minutes=20))
    assert (run.reference, run.actor and run.actor.type) == ("a" * 40, ActorType.AUTOMATION)


def test_a_run_without_an_end_goes_on_for_as_long_as_a_job_may() -> None:
    """What is written while a deployment is under way belongs to its window before its end is told."""
    (run,) = runs(_read(_deployment("in_progress", 1)), environment="production")
    assert covers(run, START + dt.timedelta(hours=2))
    assert not covers(run, START + LONGEST_RUN + dt.timedelta(minutes=2))


def test_a_run_of_another_environment_is_none_of_ours() -> None:
    """A deployment to staging explains nothing in production."""
    assert runs(_read(_deployment("success", 5)), environment="staging") == []


def test_a_failed_deployment_is_a_window_too() -> None:
    """It may have written before it failed."""
    (run,) = runs(_read(_deployment("failure", 5)), environment="production")
    assert run.latest == START + dt.timedelta(minutes=5)


def test_an_inactive_deployment_writes_nothing() -> None:
    """GitHub marks an older deployment so when a newer one has taken its place."""
    assert isinstance(read_github(_deployment("inactive", 90), received_at=NOW), Ignored)


@pytest.mark.parametrize(
    ("path", "kind"),
    [(".github/workflows/deploy-prod.yml", "deploy"), (".github/workflows/test.yml", "other")],
)
def test_only_workflows_that_deploy_are_runs(path: str, kind: str) -> None:
    """A test that runs on the same commit is no window in which a deployer may write."""
    run = {
        "id": 1,
        "head_sha": "b" * 40,
        "path": path,
        "name": "",
        "status": "completed",
        "conclusion": "success",
        "run_started_at": _minutes(0),
        "updated_at": _minutes(3),
    }
    (change,) = _changes(read_github({"workflow_run": run, "repository": {"full_name": "s/w"}}, received_at=NOW))
    assert (change.kind, change.earliest, change.latest) == (kind, START, START + dt.timedelta(minutes=3))


def test_gitlab_deployments_begin_and_end_in_messages_of_their_own() -> None:
    """The message about the end does not tell when it began."""
    body = {"object_kind": "deployment", "deployment_id": 3, "environment": "production", "short_sha": "abc"}
    begun = {**body, "status": "running", "status_changed_at": "2026-01-01 12:00:00 +0200"}
    ended = {**body, "status": "success", "status_changed_at": "2026-01-01 12:09:00 +0200"}
    told = [c for one in (ended, begun) for c in _changes(read_gitlab(one, received_at=NOW))]
    (run,) = runs(told, environment="production")
    assert (run.earliest, run.latest) == (START, START + dt.timedelta(minutes=9))


def test_jobs_of_a_pipeline_that_deploy_are_runs() -> None:
    """A pipeline is a run only where a job of it has begun to deploy."""
    job = {"id": 5, "name": "ship", "status": "success", "started_at": _minutes(0), "finished_at": _minutes(2)}
    body = {
        "object_kind": "pipeline",
        "object_attributes": {"id": 1, "sha": "c" * 40},
        "builds": [{**job, "environment": {"name": "production", "action": "start"}}, {**job, "id": 6}],
    }
    (change,) = _changes(read_gitlab(body, received_at=NOW))
    assert (change.environment, change.reference, change.earliest) == ("production", "c" * 40, START)
    body["builds"] = [job]
    assert isinstance(read_gitlab(body, received_at=NOW), Ignored)


def test_a_sync_of_argo_cd_names_who_asked_for_it() -> None:
    """A sync by a person is told from one that Argo CD did by itself."""
    body = {
        "app": "web",
        "phase": "Succeeded",
        "revision": "d" * 40,
        "startedAt": _minutes(0),
        "finishedAt": _minutes(1),
    }
    (by_itself,) = _changes(read_argocd(body, received_at=NOW))
    (asked,) = _changes(read_argocd({**body, "initiatedBy": "ada@example.com"}, received_at=NOW))
    assert (by_itself.actor and by_itself.actor.type) is ActorType.AUTOMATION
    assert (asked.actor and asked.actor.type) is ActorType.HUMAN


def test_three_clocks_are_kept_apart() -> None:
    """Beginning, end, and when somebody noticed are three times, and none stands for another."""
    data = {"kind": "deploy", "observed_at": _minutes(30), "started_at": _minutes(0), "finished_at": _minutes(5)}
    event = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "dev.plumbline.change.v1", "time": _minutes(40)}
    (all_three,) = parse_change_event({}, json.dumps({**event, "data": data}).encode(), received_at=NOW)
    (noticed,) = parse_change_event(
        {}, json.dumps({**event, "data": {"kind": "deploy", "observed_at": _minutes(30)}}).encode(), received_at=NOW
    )
    minutes = [dt.timedelta(minutes=m) + START for m in (0, 5, 30)]
    assert [all_three.earliest, all_three.latest, all_three.observed_at] == minutes
    assert (noticed.earliest, noticed.observed_at) == (None, minutes[2])


def test_github_signs_the_raw_body() -> None:
    """One byte more, another secret or no signature at all is not GitHub."""
    body = b'{"zen": "x"}'
    signature = "sha256=" + hmac.new(b"new", body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature}
    assert is_signed(headers, body, ["old", "new"])
    assert not is_signed(headers, body + b" ", ["old", "new"])
    assert not is_signed(headers, body, ["old", ""])
    assert not is_signed({}, body, ["new"])


def test_gitlab_sends_its_token_or_signs() -> None:
    """The token as it is, or a signature over id, time and body."""
    body = b"{}"
    key = base64.b64encode(b"key").decode()
    signed = base64.b64encode(hmac.new(b"key", b"m1.170." + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "m1", "webhook-timestamp": "170", "webhook-signature": f"v1,{signed}"}
    assert is_authentic({"X-Gitlab-Token": "secret"}, body, ["secret"])
    assert not is_authentic({"X-Gitlab-Token": ""}, body, [""])
    assert is_authentic(headers, body, [f"whsec_{key}"])
    assert not is_authentic({**headers, "webhook-timestamp": "171"}, body, [f"whsec_{key}"])


SAMPLES = {
    "github/deployment.created.json": "deploy",
    "github/deployment.created.with_installation.json": "deploy",
    "github/deployment_status.created.json": "deploy",
    "github/pull_request.closed.json": "ignored",
    "github/push.json": "ignored",
    "github/workflow_run.completed.json": "other",
    "gitlab/deployment.json": "deploy",
    "gitlab/feature_flag.json": "feature_flag",
    "gitlab/merge_request.json": "ignored",
    "gitlab/pipeline.json": "ignored",
    "gitlab/push.json": "commit",
    "gitlab/release.json": "ignored",
    "argocd/application_with_history.json": "deploy",
    "argocd/inbound_github-commit-event.json": "commit",
    "argocd/inbound_gitlab-event.json": "commit",
    "argocd/inbound_gitlab-merge-request-open-event.json": "ignored",
    "argocd/notifications_webhook_template.json": "refused",
    "cdevents/artifact_published.json": "other",
    "cdevents/change_merged.json": "commit",
    "cdevents/environment_modified.json": "infra",
    "cdevents/incident_detected.json": "nothing",
    "cdevents/incident_resolved.json": "nothing",
    "cdevents/service_deployed.json": "deploy",
    "cdevents/service_rolledback.json": "rollback",
    "cdevents/service_upgraded.json": "deploy",
    "cloudevents/json_format_example_1.json": "other",
    "cloudevents/json_format_example_2.json": "other",
    "cloudevents/json_format_example_3.json": "other",
    "pagerduty/events_v2_change.build-change-event.request.json": "other",
    "pagerduty/events_v2_change.git-change-event.request.json": "other",
}


def _outcome(folder: str, body: bytes) -> str:
    read = {"github": read_github, "gitlab": read_gitlab, "argocd": read_argocd}.get(folder)
    try:
        found = read(json.loads(body), received_at=NOW) if read else parse_change_event({}, body, received_at=NOW)
    except Invalid:
        return "refused"
    if isinstance(found, Ignored):
        return "ignored"
    assert all(c.earliest is None or c.earliest <= c.latest for c in found)
    return found[0].kind if found else "nothing"


@pytest.mark.shared
def test_every_public_sample_is_read_or_refused_with_a_reason(shared: Path) -> None:
    """Payloads of real senders give what they tell of, and none fails."""
    payloads = shared / "payloads"
    folders = {name.partition("/")[0] for name in SAMPLES} - {"pagerduty"}
    present = {str(p.relative_to(payloads)) for f in folders for p in (payloads / f).glob("*.json")}
    assert present <= SAMPLES.keys()
    found = {name: _outcome(name.partition("/")[0], (payloads / name).read_bytes()) for name in SAMPLES}
    assert found == SAMPLES
