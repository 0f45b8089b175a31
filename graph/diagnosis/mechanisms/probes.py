"""Probes that fail although the container is well: a wrong port, a wrong protocol, too little time.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.document import Object
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

_FAILED = re.compile(r"^(?P<which>Liveness|Readiness|Startup) probe (failed|errored)")
_WRONG_PROTOCOL = re.compile(
    r"malformed HTTP (response|status|version)|HTTP/1\.x transport connection broken|HTTP response to HTTPS client"
    r"|HTTP request to an HTTPS server|frame too large|tls: |x509: "
    r"|first record does not look like a TLS"
    r"|(does not|doesn't|not) implement(ed)?\b.*(grpc|health)|unknown service grpc\.health"
    r"|error reading server preface|HTTP/2|unexpected HTTP status code received from server|Unimplemented",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"connection refused|failed to connect|time(d )?out|timeout|deadline exceeded|no route|statuscode: 5\d\d|EOF"
    r"|connection reset|health rpc (did not|probe failed)|command .* timed out",
    re.IGNORECASE,
)
HANGS = re.compile(
    r"deadlock|watchdog|(thread|worker|goroutine|event loop|task)s?\b.{0,40}\b(stuck|hung|blocked|stalled"
    r"|not responding)|no progress (for|in|since)|goroutines are asleep|waiting (for|on) (the )?(lock|monitor"
    r"|mutex)|blocked for more than \d+",
    re.IGNORECASE,
)
"""A process says that its threads wait for each other or never go on."""
_SHORT_S = 3
"""A process that is asked this many seconds after its start, without a second chance, may not be up yet."""
_HASTY_S = 30
"""Many runtimes take this long to start; a liveness probe that gives up before may be what ends them."""
_WAYS = ("httpGet", "tcpSocket", "grpc", "exec")


def probes(scene: Scene) -> Iterator[Mechanism]:
    """Yield probes that are declared so that a working container fails them."""
    for workload in scene.workloads:
        for which in ("Liveness", "Readiness", "Startup"):
            events = [e for e in scene.events(workload.uid, "Unhealthy", "ProbeWarning") if _is_of(which, e)]
            if events and _matters(scene, workload, which):
                yield from _judge(workload, which, events)
                if not any(c.get(f"{which.lower()}Probe") for _, _, c in workload.containers()):
                    yield from _undeclared(scene, workload, which, events)
        if not scene.works(workload) and not scene.events(workload.uid, "Unhealthy", "ProbeWarning"):
            yield from _unheard(scene, workload)


def _undeclared(scene: Scene, workload: Workload, which: str, events: list[SymptomEvent]) -> Iterator[Mechanism]:
    """A probe that fails and whose declaration is not known."""
    event = max(events, key=lambda e: e.count)
    if _ANSWERED.search(event.text) and which == "Readiness":
        return  # It answers that it is not ready: what it complains of tells why.
    if scene.is_fresh(event) or not scene.works(workload):
        sign = Sign(text=f"The {which.lower()} probe fails.", event=event)
        if which == "Liveness" and _NO_ANSWER.search(event.text) and _had_started(scene, workload):
            why = "got no answer any more from a process that had started."
            yield _mechanism(workload, which, "unanswered", why, (sign,), 0.5)
            return
        yield _mechanism(workload, which, "fails", "fails, and how it is declared is not known.", (sign,), 0.5)


_ANSWERED = re.compile(r"statuscode: 5\d\d|NOT_SERVING", re.IGNORECASE)
_STARTED = re.compile(
    r"listening|started|startup complete|ready to (serve|accept)|serving|handled \d+|processed \d+", re.IGNORECASE
)


def _had_started(scene: Scene, workload: Workload) -> bool:
    """Whether its log says that it was up, or hangs: then the probe was right, and the process stopped to answer it."""
    lines = scene.said(workload.uid, kind=ObservationKind.LOG, with_quiet=True)
    return any(_STARTED.search(e.text) or HANGS.search(e.text) for e in lines)


def _unheard(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    """What the declaration alone shows where containers run, are not ready, and no event was kept that says why."""
    restarted = restarts(scene, workload) > 0
    for which in ("Liveness", "Readiness"):
        if which == "Liveness" and not restarted:
            continue
        for name, index, container in workload.containers():
            probe = mapping(container, f"{which.lower()}Probe")
            if probe and _are_up(scene, workload, name=text(container, "name"), restarted=restarted):
                problem, why = _declared_wrong(probe, container, which)
                if problem:
                    path = workload.path(name, index, f"{which.lower()}Probe")
                    yield _mechanism(workload, which, problem, why, (_declared(which, why, workload, path),), 0.6)


def _are_up(scene: Scene, workload: Workload, *, name: str, restarted: bool) -> bool:
    """Whether a container runs, or ran until it was started again."""
    statuses = [s for p in scene.pods(workload.uid) for _, s in entries(p.body, "status", "containerStatuses")]
    mine = [s for s in statuses if text(s, "name") in (name, "")] or statuses
    waits = {text(s, "state", "waiting", "reason") for s in mine}
    return bool(mine) and (not any(waits) or (restarted and waits <= {"", "CrashLoopBackOff"}))


def _declared_wrong(probe: Object, container: Object, which: str) -> tuple[str, str]:
    port = _port(probe, container)
    declared = {p.get("containerPort") for _, p in entries(container, "ports")}
    if isinstance(port, int) and declared and port not in declared:
        return "wrong_port", f"asks port {port}, which the container does not declare."
    if _others_speak_otherwise(probe, container):
        return "wrong_protocol", "speaks another protocol than the other probes of the same port."
    if which == "Liveness" and _given_s(probe) <= _SHORT_S:
        return "too_early", f"gives up {_given_s(probe)} s after the start."
    return "", ""


def _is_of(which: str, event: SymptomEvent) -> bool:
    found = _FAILED.match(event.text)
    return found is not None and found["which"] == which


def _matters(scene: Scene, workload: Workload, which: str) -> bool:
    """Whether a failed probe is more than the noise of a start: it stops the workload, or restarted it."""
    if which == "Readiness":
        return not scene.works(workload)
    return not scene.works(workload) or restarts(scene, workload) > 0


def restarts(scene: Scene, workload: Workload) -> int:
    """How often containers of the pods of a workload were started again."""
    statuses = (s for pod in scene.pods(workload.uid) for _, s in entries(pod.body, "status", "containerStatuses"))
    return sum(s["restartCount"] for s in statuses if isinstance(s.get("restartCount"), int))


def _judge(workload: Workload, which: str, events: list[SymptomEvent]) -> Iterator[Mechanism]:
    event = max(events, key=lambda e: e.count)
    for name, index, container in workload.containers():
        probe = mapping(container, f"{which.lower()}Probe")
        if not probe:
            continue
        path = workload.path(name, index, f"{which.lower()}Probe")
        problem, why, strength = _problem(probe, container, event)
        if problem == "too_early" and which == "Readiness":
            continue  # A readiness probe that begins early only waits longer.
        if problem:
            signs = (
                Sign(text=f"The {which.lower()} probe fails.", event=event),
                _declared(which, why, workload, path),
            )
            yield _mechanism(workload, which, problem, why, signs, strength)


def _declared(which: str, why: str, workload: Workload, path: str) -> Sign:
    return Sign(text=f"The {which.lower()} probe is declared so that it {why}", uid=workload.uid, path=path)


def _mechanism(
    workload: Workload, which: str, problem: str, why: str, signs: tuple[Sign, ...], strength: float
) -> Mechanism:
    return Mechanism(
        resource=workload.uid,
        kind=f"{which.lower()}_probe_{problem}",
        summary=f"The {which.lower()} probe of {workload.document.resource.display} {why}",
        signs=signs,
        strength=strength,
    )


def _problem(probe: Object, container: Object, event: SymptomEvent) -> tuple[str, str, float]:
    """Return (problem, what it does, strength); empty when the probe itself looks right."""
    port = _port(probe, container)
    declared = {p.get("containerPort") for _, p in entries(container, "ports")}
    if _WRONG_PROTOCOL.search(event.text):
        return "wrong_protocol", "speaks a protocol that the container does not.", 1.0
    if isinstance(port, int) and declared and port not in declared:
        return "wrong_port", f"asks port {port}, which the container does not declare.", 1.0
    if not _NO_ANSWER.search(event.text):
        return "", "", 0.0
    if _others_speak_otherwise(probe, container):
        return "wrong_protocol", "speaks another protocol than the other probes of the same port.", 0.85
    given = _given_s(probe)
    if given <= _SHORT_S:
        return "too_early", f"gives up {given} s after the start.", 0.95
    if given <= _HASTY_S and _is_like_readiness(probe, container):
        return "too_early", f"gives up {given} s after the start.", 0.6
    return "", "", 0.0


def _given_s(probe: Object) -> int:
    """Seconds after its start for which a container may fail a probe that is declared like this."""
    failures, period = probe.get("failureThreshold", 3), probe.get("periodSeconds", 10)
    delay = probe.get("initialDelaySeconds", 0)
    if isinstance(failures, int) and isinstance(period, int) and isinstance(delay, int):
        return delay + period * (failures - 1)
    return 0


def _way(probe: Object) -> str:
    return next((way for way in _WAYS if way in probe), "")


def _others_speak_otherwise(probe: Object, container: Object) -> bool:
    """Whether another probe asks the same port by another protocol; a plain connection suits every protocol."""
    others = [mapping(container, f"{w}Probe") for w in ("liveness", "readiness", "startup")]
    same = [o for o in others if o and o != probe and _port(o, container) == _port(probe, container) is not None]
    ways = {_way(o) for o in same} - {"tcpSocket", "exec", ""}
    return bool(ways) and _way(probe) in ("httpGet", "grpc") and _way(probe) not in ways


def _is_like_readiness(probe: Object, container: Object) -> bool:
    """Whether readiness is told in the same way: then what the probe asks is right, and only its patience is not."""
    readiness = mapping(container, "readinessProbe")
    return bool(readiness) and (_way(probe), _port(probe, container)) == (_way(readiness), _port(readiness, container))


def _port(probe: Object, container: Object) -> object:
    """The port that a probe asks; a name stands for the port of that name."""
    for way in ("httpGet", "tcpSocket", "grpc"):
        port = mapping(probe, way).get("port")
        if isinstance(port, str) and not port.isdigit():
            named = {text(p, "name"): p.get("containerPort") for _, p in entries(container, "ports")}
            return named.get(port, port)
        if port is not None:
            return int(port) if isinstance(port, str) else port
    return None
