"""What AWS answers is told by kind; autoscalers, evictions and jobs by what the platform writes."""

from __future__ import annotations

import pytest

from graph.document import Object
from tests.graph.builders import k8s, manifest, workload
from tests.graph.diagnosis.mechanisms.scenes import POD, RESTARTED, WEB, event, everything, found, line, pod

ANSWERS = {
    "aws_access_denied": [
        "AccessDenied: User: arn:aws:sts::1:assumed-role/web/i-1 is not authorized to perform: s3:GetObject on "
        "resource: arn:aws:s3:::b/k because no identity-based policy allows the s3:GetObject action",
        "UnauthorizedOperation: You are not authorized to perform this operation with an explicit deny in a service "
        "control policy",
    ],
    "aws_key_unusable": [
        "KMSInvalidStateException: arn:aws:kms:eu-west-1:1:key/1 is pending deletion.",
        "An error occurred (DisabledException): arn:aws:kms:eu-west-1:1:key/1: key 1 is disabled",
    ],
    "aws_credentials_invalid": [
        "ExpiredTokenException: The security token included in the request is expired",
        "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
        "SignatureDoesNotMatch: The request signature we calculated does not match",
    ],
    "aws_throttled": [
        "ThrottlingException: Rate exceeded",
        "ProvisionedThroughputExceededException: The level of configured provisioned throughput was exceeded",
        "SlowDown: Please reduce your request rate.",
    ],
    "aws_quota_exceeded": ["VcpuLimitExceeded: You have requested more vCPU capacity than your current limit of 32"],
    "aws_no_capacity": [
        "InsufficientInstanceCapacity: We currently do not have sufficient capacity in the zone you requested",
        "InsufficientFreeAddressesInSubnet: There are not enough free addresses in subnet subnet-1",
        "unable to place a task because no container instance met all of its requirements",
    ],
    "aws_endpoint_unreachable": [
        'Connect timeout on endpoint URL: "https://sts.eu-west-1.amazonaws.com/"',
        'Could not connect to the endpoint URL: "https://sqs.eu-west-1.amazonaws.com/"',
        "Post https://kms.eu-west-1.amazonaws.com/: dial tcp 52.1.1.1:443: i/o timeout",
    ],
    "function_timed_out": ["2026-11-20T12:00:00Z 1234 Task timed out after 30.03 seconds"],
    "oom_killed": [
        "RequestId: 1 Error: Runtime exited with error: signal: killed",
        "OutOfMemoryError: Container killed due to memory usage",
    ],
    "target_unhealthy": [
        "(service web) (port 80) is unhealthy in (target-group arn:aws:elasticloadbalancing:1) due to (reason Health "
        "checks failed with these codes: [502])",
        "Task failed ELB health checks in target-group arn:aws:elasticloadbalancing:1",
    ],
    "registry_denied": ["CannotPullContainerError: pull image manifest has been retried 1 time(s)"],
    "certificate_expired": [
        "x509: certificate has expired or is not yet valid: current time 2026-11-20 is after 2026-11-19",
        "Error: certificate has expired CERT_HAS_EXPIRED",
    ],
    "certificate_untrusted": [
        "x509: certificate signed by unknown authority",
        "PKIX path building failed: unable to find valid certification path to requested target",
        "x509: certificate is valid for a.example, not b.example",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, many in ANSWERS.items() for t in many])
def test_an_answer_is_told_by_kind(kind: str, text: str) -> None:
    """Who asked is blamed; what changed it so is for others to find."""
    assert found([workload("web", replicas=1, ready=0), RESTARTED], [line(POD, text)]).get(kind) == WEB


def test_an_answer_to_one_that_works_is_worth_less() -> None:
    """It may have tried again."""
    text = ANSWERS["aws_throttled"][0]
    up = everything([workload("web", replicas=1, ready=1), pod("web")], [line(POD, text)])
    down = everything([workload("web", replicas=1, ready=0), RESTARTED], [line(POD, text)])
    strengths = [next(m.strength for m in many if m.kind == "aws_throttled") for many in (up, down)]
    assert strengths[0] < strengths[1]


def test_a_denied_file_is_no_denied_cloud() -> None:
    """The word is the same."""
    said = [line(POD, "java.nio.file.AccessDeniedException: /srv/data")]
    assert "aws_access_denied" not in found([workload("web", replicas=1, ready=0), RESTARTED], said)


def scaler(kind: str, status: str, reason: str) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    conditions = [{"type": kind, "status": status, "reason": reason}]
    spec = {"scaleTargetRef": reference, "maxReplicas": 3}
    return manifest("HorizontalPodAutoscaler", "web", spec=spec, status={"conditions": conditions})


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        (("ScalingLimited", "True", "TooManyReplicas"), "autoscaling_at_limit"),
        (("ScalingActive", "False", "FailedGetResourceMetric"), "autoscaling_blind"),
        (("AbleToScale", "False", "FailedUpdateScale"), "autoscaling_blocked"),
        (("ScalingActive", "False", "ScalingDisabled"), None),
        (("ScalingLimited", "True", "TooFewReplicas"), None),
        (("AbleToScale", "True", "ReadyForNewScale"), None),
    ],
)
def test_an_autoscaler_tells_why_it_is_stuck(condition: tuple[str, str, str], kind: str | None) -> None:
    """At its least it is at rest; switched off it was meant so."""
    kinds = found([workload("web", replicas=1, ready=1), pod("web"), scaler(*condition)])
    assert list(kinds) == ([kind] if kind else [])


def test_an_eviction_is_told_with_what_ran_out() -> None:
    """The kubelet writes which resource its node was low on."""
    gone = pod("web", phase="Failed", ready=False)
    gone["status"] |= {"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}
    many = everything([workload("web", replicas=1, ready=0), gone])
    assert "ephemeral-storage" in next(m.summary for m in many if m.kind == "evicted")


def test_a_job_that_was_given_up() -> None:
    """Its last condition says so."""
    job = manifest("Job", "nightly", spec={"template": {"spec": {"containers": [{"name": "a"}]}}})
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
    assert found([job])["job_failed"] == k8s("Job", "nightly")


def test_a_warning_of_the_past_is_over() -> None:
    """Old answers are not the present."""
    said = [event(POD, "Failed", ANSWERS["aws_throttled"][0], ago=3600)]
    assert "aws_throttled" not in found([workload("web", replicas=1, ready=0), RESTARTED], said)
