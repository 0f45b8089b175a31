"""Why a process that starts ends again or refuses to serve, as far as its own last words tell.

These are the weakest mechanisms: a line in a log is a complaint, not a proof. They speak only where a workload does not
work and nothing that the platform shows explains it better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.probes import HANGS, restarts
from graph.diagnosis.mechanisms.scene import FRESH, Scene
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

SAYS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (kind, what, re.compile(pattern, re.IGNORECASE))
    for kind, what, pattern in (
        (
            "bad_configuration",
            "says that its configuration is wrong or incomplete",
            r"(missing|required|invalid|unknown|unset|undefined)[^\n]{0,40}(config|environment|env var|variable|setting"
            r"|property|option|flag|argument)|(config|environment variable|setting|property|option)[^\n]{0,60}"
            r"(is )?(missing|not set|required|invalid|not found|not defined)|could not resolve placeholder"
            r"|licen[cs]e [^\n]{0,40}(expired|invalid|missing|not found)"
            r"|no such file or directory[^\n]*\.(ya?ml|json|conf|toml|ini|properties)|failed to (load|parse"
            r"|read) config|\benv(ironment)?( var(iable)?)? \W?[A-Z][A-Z0-9_]{2,}\W{1,3}[^\n]{0,60}(unknown|invalid"
            r"|must|expected|malformed|can(no|')t|unsupported|unable|bad|not an? |empty)",
        ),
        (
            "bad_data",
            "says that the data that it was given is malformed",
            r"malformed (row|record|message|line|payload|csv|json|xml|document|data|input|event)"
            r"|(row|line|record|offset|column|message)\W{1,3}\d+\W[^\n]{0,60}(invalid|not a|unexpected|expected"
            r"|can(no|')t parse|malformed|corrupt|out of range)|invalid utf-?8|unexpected end of (file|json|input)"
            r"|schema (validation|mismatch|violation)|violates (not-null|check|foreign key|unique) constraint"
            r"|deserializ\w+ (error|exception|fail)|(csv|json|avro|parquet|xml)\w*(parse|decode)\w*(error|exception)"
            r"|poison (message|pill)|checksum mismatch|duplicate key value|schema .{0,40}(drift|incompatib|changed"
            r"|unknown|not compatible)|incompatible schema|unrecogni[sz]ed field|unknown field"
            r"|unexpected (field|column|type)"
            r"|missing (required )?(field|column)|(avro|protobuf|proto)\w*.{0,40}(type ?exception|decode|parse|resolve)"
            r"|cannot deserialize|could not (decode|parse|deserialize) (message|record|event|payload|row)"
            r"|\d+ (records|rows|messages|events) (were )?(rejected|quarantined|invalid|failed validation)"
            r"|dead[- ]letter",
        ),
        (
            "process_hangs",
            "has threads that wait for each other or never go on",
            HANGS.pattern,
        ),
        (
            "dependency_unreachable",
            "says that something that it needs does not answer",
            r"connection refused|econnrefused|i/o timeout|etimedout|connection timed out|connect timeout"
            r"|no route to host"
            r"|connection reset|no such host|name or service not known|enotfound|upstream (connect|request timeout)"
            r"|503 service unavailable|deadline exceeded|broken pipe|circuit breaker",
        ),
        (
            "application_error",
            "ends with an error of its own code",
            r"panic:|traceback \(most recent call|nullpointerexception|nil pointer|segmentation fault|sigsegv|typeerror"
            r"|attributeerror|indexerror|keyerror|unhandled (exception|rejection)|assertion failed|stack overflow"
            r"|uncaught|fatal error: |exception in thread|classcastexception|illegalstateexception|undefined is not",
        ),
    )
)

MALFORMED = next(pattern for kind, _, pattern in SAYS if kind == "bad_data")
"""What is said of input that no program can take."""
OWN_ERROR = next(pattern for kind, _, pattern in SAYS if kind == "application_error")
"""What a program says when its own code fails."""


def crashes(scene: Scene) -> Iterator[Mechanism]:
    """Yield what workloads that do not work say of the reason."""
    for workload in scene.workloads:
        if scene.works(workload) and not _restarts_now(scene, workload):
            continue
        lines = list(scene.said(workload.uid, kind=ObservationKind.LOG))
        for kind, what, pattern in SAYS:
            telling = [e for e in lines if is_of_now(scene, workload, e, lines) and pattern.search(e.text)]
            if telling:
                last = max(telling, key=lambda e: e.at.timestamp() if e.at else 0.0)
                yield Mechanism(
                    resource=workload.uid,
                    kind=kind,
                    summary=f"{workload.document.resource.display} {what}.",
                    signs=(Sign(text="Its log says so.", event=last),),
                    strength=(0.5 if scene.works(workload) else 0.6) + (0.1 if kind == "process_hangs" else 0.0),
                )
                break


def is_of_now(scene: Scene, workload: Workload, event: SymptomEvent, lines: Sequence[SymptomEvent]) -> bool:
    """Whether a line bears on the present: a container that ended has said its last words, however long ago."""
    if scene.is_fresh(event) or event.at is None:
        return True
    last = max(e.at for e in lines if e.at is not None)
    return _has_ended(scene, workload) and event.at >= last - FRESH


def _has_ended(scene: Scene, workload: Workload) -> bool:
    """Whether a container of a workload waits for its next start, or for nothing more."""
    return any(
        text(status, "state", "waiting", "reason") == "CrashLoopBackOff" or mapping(status, "state", "terminated")
        for pod in scene.pods(workload.uid)
        for _, status in entries(pod.body, "status", "containerStatuses")
    )


def _restarts_now(scene: Scene, workload: Workload) -> bool:
    """Whether containers of a workload that works were started again lately; what restarted once is no trouble now."""
    events = scene.events(workload.uid, "BackOff", "Unhealthy", "Killing")
    return restarts(scene, workload) > 0 and any(scene.is_fresh(e) for e in events)
