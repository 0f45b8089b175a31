"""What AWS answers instead of doing what it was asked: no permission, no key, no capacity, too many requests.

Texts are those of the AWS SDKs and of CloudTrail, Lambda, ECS and Elastic Load Balancing. Each names a reason; which
change made it so is for others to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.phrases import Phrases
from graph.resource import Platform, display_uid


class _Answer(NamedTuple):
    kind: str
    what: str
    """What it means for the one who asked."""
    pattern: Phrases


def _answer(kind: str, what: str, pattern: str) -> _Answer:
    return _Answer(kind, what, Phrases(pattern))


_ANSWERS = (
    _answer(
        "aws_key_unusable",
        "asks for a key that is disabled, pending deletion or not there",
        r"KMS\.?(Disabled|InvalidState|NotFound|KeyUnavailable)\w*|KMSInvalidStateException|key .{0,120}is (disabled"
        r"|pending deletion)|is pending (deletion|import)",
    ),
    _answer(
        "aws_credentials_invalid",
        "presents credentials that are expired, unknown or missing",
        r"ExpiredToken\w*|InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|RequestTimeTooSkewed"
        r"|security token included in the request is (expired|invalid)|Unable to (locate|load) (aws )?credentials"
        r"|NoCredentialProviders|InvalidIdentityToken|InvalidAccessKeyId|failed to refresh cached credentials",
    ),
    _answer(
        "aws_access_denied",
        "is not allowed to do what it tries",
        r"is not authorized to perform|AccessDenied(Exception)?\b.{0,200}(aws|s3|kms|sqs|sts|dynamodb)"
        r"|UnauthorizedOperation|explicit deny in a|no identity-based policy allows|not authorized to assume"
        r"|AuthorizationError",
    ),
    _answer(
        "aws_quota_exceeded",
        "is refused more by a quota of its account",
        r"(Service)?Quota\w*Exceeded\w*|LimitExceeded(Exception)?\b|VcpuLimitExceeded|InstanceLimitExceeded"
        r"|AddressLimitExceeded|MaxSpotInstanceCountExceeded|ConcurrentInvocationLimitExceeded",
    ),
    _answer(
        "aws_no_capacity",
        "is given none because the provider or its subnet has none left",
        r"Insufficient(Instance|Host|Reserved)?Capacity\w*|InsufficientFreeAddressesInSubnet"
        r"|no container instance met all|not have sufficient capacity|failed to assign an IP address to container",
    ),
    _answer(
        "aws_throttled",
        "asks more often than it may",
        r"Throttling(Exception)?\b|ThrottledException|Rate exceeded|TooManyRequests(Exception)?\b|RequestLimitExceeded"
        r"|ProvisionedThroughputExceeded\w*|SlowDown\b|Please reduce your request rate|RequestThrottled",
    ),
    _answer(
        "aws_endpoint_unreachable",
        "does not reach the provider: a security group, a route or an endpoint of the network is in the way",
        r"(connect|read) timeout on endpoint url|could not connect to the endpoint URL|EndpointConnectionError"
        r"|amazonaws\.com\S*.{0,80}(i/o timeout|timed out|no such host|connection refused)"
        r"|(timeout|timed out).{0,80}amazonaws\.com",
    ),
    _answer(
        "function_timed_out",
        "runs longer than it may",
        r"Task timed out after [\d.]+ seconds|Status: timeout\b|Lambda\w*Timeout",
    ),
    _answer(
        "oom_killed",
        "needs more memory than it is given",
        r"Runtime exited with error: signal: killed|Runtime\.OutOfMemory"
        r"|OutOfMemoryError: Container killed due to memory usage|OutOfMemory: container killed",
    ),
    _answer(
        "target_unhealthy",
        "fails the health check of its load balancer",
        r"failed (ELB|container) health checks|is unhealthy in (target-group|\(target-group)|Target\.FailedHealthChecks"
        r"|Health checks failed with these codes|Target\.Timeout",
    ),
    _answer(
        "registry_denied",
        "can't pull its image or its secrets",
        r"CannotPullContainerError|CannotPullECRContainerError|ResourceInitializationError",
    ),
    _answer(
        "certificate_expired",
        "meets a certificate that is no longer, or not yet, valid",
        r"certificate (has|is) (expired|not yet valid)|x509: certificate has expired|CERT_HAS_EXPIRED"
        r"|CertificateExpired|certificate expired|SEC_ERROR_EXPIRED_CERTIFICATE",
    ),
    _answer(
        "certificate_untrusted",
        "meets a certificate that it does not trust, or that is for another name",
        r"certificate signed by unknown authority|self[- ]signed certificate|unable to (get local issuer|find valid)"
        r"|PKIX path building failed|certificate is (valid for|not valid for)|doesn't match (the host|any of)"
        r"|UNABLE_TO_VERIFY_LEAF_SIGNATURE|hostname mismatch|bad certificate|unknown ca\b",
    ),
)
"""The first that fits a line counts; particular ones stand before general ones."""


def clouds(scene: Scene) -> Iterator[Mechanism]:
    """Yield what those who asked say that they were answered, the last answer of each kind."""
    working = {w.uid: scene.works(w) for w in scene.workloads}
    others = [r.uid for r in scene.graph if r.platform is not Platform.KUBERNETES]
    for uid in (*working, *others):
        told: dict[str, tuple[_Answer, SymptomEvent]] = {}
        for event in scene.said(uid):
            answer = next((a for a in _ANSWERS if a.pattern.search(event.text)), None)
            if answer is not None and scene.is_fresh(event):
                told[answer.kind] = (answer, event)
        for answer, event in told.values():
            yield _mechanism(uid, answer, event, is_down=not working.get(uid, True))


def _mechanism(uid: str, answer: _Answer, event: SymptomEvent, *, is_down: bool) -> Mechanism:
    return Mechanism(
        resource=uid,
        kind=answer.kind,
        summary=f"{display_uid(uid)} {answer.what}.",
        signs=(Sign(text="It was answered so.", event=event),),
        strength=0.75 if is_down else 0.5,
    )
