"""What workloads say themselves of why they fail, weighed as a whole, and held against what their pods have in common.

Words alone are weak. Where pods of a new release fail while those before it work beside them, what both share is well:
the peers that they call, the names that they look up, the data that they are given. Then the release is set up wrongly
or wrong itself, whatever its last words are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from graph.diagnosis.mechanisms.crashes import is_of_now
from graph.diagnosis.mechanisms.dependencies import has_passed, is_quiet
from graph.diagnosis.mechanisms.directions import WHAT, Votes, votes
from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.served import served
from graph.evidence import ObservationKind, SymptomEvent
from graph.kinds.kubernetes.inventory import labels_of
from graph.kinds.kubernetes.reference_health import is_ready
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import text

_DIRECTION = {
    "dependency_failing": "dependency_failing",
    "dependency_unreachable": "dependency_failing",
    "dns_failure": "dependency_failing",
    "store_unreachable": "dependency_failing",
    "bad_configuration": "bad_settings",
    "bad_data": "bad_data",
    "application_error": "application_error",
    "process_hangs": "application_error",
    "certificate_expired": "bad_settings",
    "certificate_untrusted": "bad_settings",
    "aws_access_denied": "bad_settings",
    "aws_credentials_invalid": "bad_settings",
    "aws_endpoint_unreachable": "dependency_failing",
}
"""Kinds that rest on words alone, and the direction of each."""
_OF_RELEASE = {"dependency_failing": "bad_settings", "bad_data": "application_error"}
"""What a direction means where pods before the release meet the same and work."""
_CLEAR = 4.0
"""Weight from which complaints tell more than that something is wrong."""
_TOLD = 3.0
"""The same for the last words of what does not work."""
_SHOWN = 0.4
"""Strength from which what the platform shows tells why."""
_AGREE = 0.6
"""Share from which they tell one story."""
_OTHERWISE = 0.5
"""What remains of a reason that rests on some words, where most others say another."""
_DIVIDED = 0.8
_HASH = "pod-template-hash"


def laments(scene: Scene, found: Sequence[Mechanism]) -> Iterator[Mechanism]:
    """Yield what workloads in trouble complain of, where most of it points one way that was not found already.

    Args:
        scene: the present.
        found: mechanisms; where the platform shows why a workload fails, its words add nothing.
    """
    told = {uid for m in found if m.strength >= _SHOWN and not m.is_said for uid in (m.resource, *m.stops)}
    for workload in scene.workloads:
        if workload.uid in told:
            continue
        lines, said = complaints(scene, workload)
        least = _CLEAR if scene.works(workload) else _TOLD
        if not said.kind or said.weight < least or said.share < _AGREE or not _is_in_trouble(scene, workload):
            continue
        kind = _OF_RELEASE.get(said.kind, said.kind) if is_of_release(scene, workload) else said.kind
        if any(m.resource == workload.uid and _DIRECTION.get(m.kind, m.kind) == kind for m in found):
            continue
        last = ([e for e in lines if votes([e]).kind == said.kind] or lines)[-3:]
        yield Mechanism(
            resource=workload.uid,
            kind=kind,
            summary=f"{workload.document.resource.display} {WHAT[kind]}.",
            signs=tuple(Sign(text="It complains of it.", event=e) for e in reversed(last)),
            strength=0.3 + 0.25 * said.share,
            is_said=True,
        )


def arbitrated(scene: Scene, found: Sequence[Mechanism]) -> list[Mechanism]:
    """Return mechanisms with those that rest on some words weighed against all that their workload complains of."""
    known = {w.uid: w for w in scene.workloads}
    return [_arbitrated(scene, known[m.resource], m) if _rests_on_words(m, known) else m for m in found]


def _rests_on_words(mechanism: Mechanism, known: dict[str, Workload]) -> bool:
    return mechanism.kind in _DIRECTION and mechanism.resource in known


def _arbitrated(scene: Scene, workload: Workload, mechanism: Mechanism) -> Mechanism:
    direction, (_, said) = _DIRECTION[mechanism.kind], complaints(scene, workload)
    other = _OF_RELEASE.get(direction) if is_of_release(scene, workload) else None
    if other is not None and said.kind in ("", direction, other):
        summary = f"{mechanism.summary} Pods before its release meet the same and work: it {WHAT[other]}."
        return replace(mechanism, kind=other, summary=summary, is_said=True)
    if said.kind in ("", direction):
        return replace(mechanism, is_said=True)
    share = _OTHERWISE if said.share >= _AGREE else _DIVIDED
    return replace(mechanism, strength=mechanism.strength * share, is_said=True)


def complaints(scene: Scene, workload: Workload) -> tuple[list[SymptomEvent], Votes]:
    """What a workload complains of now, oldest first, and where it points."""
    return scene.once(("complaints", workload.uid), lambda: _complaints(scene, workload))


def _complaints(scene: Scene, workload: Workload) -> tuple[list[SymptomEvent], Votes]:
    lines = list(scene.said(workload.uid, kind=ObservationKind.LOG, with_quiet=True))
    now = [e for e in lines if scene.is_of_now(workload.uid, e) or is_of_now(scene, workload, e, lines)]
    bad = sorted((e for e in now if not is_quiet(e)), key=lambda e: e.at.timestamp() if e.at else 0.0)
    if has_passed(bad, now):
        bad = []
    found = votes(bad)
    return bad, Votes("bad_settings", 1.0, max(found.weight, _CLEAR)) if _names_change(bad, lines) else found


def _names_change(bad: Sequence[SymptomEvent], lines: Sequence[SymptomEvent]) -> bool:
    """Whether most complaints name just what the log said was set otherwise before the first of them."""
    begun = min((e.at for e in bad if e.at is not None), default=None)
    before = (e for e in lines if is_quiet(e) and begun is not None and e.at is not None and e.at <= begun)
    names = {name for e in before if _CHANGES.search(e.text) for name in _NAME.findall(e.text)}
    # What is named in any case, such as the process itself, tells nothing.
    telling = {n for n in names if not any(n in e.text for e in lines if is_quiet(e) and not _CHANGES.search(e.text))}
    return bool(bad) and 2 * sum(any(n in e.text for n in telling) for e in bad) > len(bad)


_CHANGES = re.compile(
    r"\b(flag|toggle|config\w*|setting|values?|parameter|variable|secret|env)\b.{0,80}"
    r"\b(changed|set|updated|turned|enabled|disabled|rotated|applied|switched|removed|flipped|deleted|reloaded"
    r"|refreshed|synced)\b"
    r"|\b(changed|updated|turned (on|off)|enabled|disabled|rotated|switched|flipped|removed)\b.{0,40}"
    r"\b(flag|toggle|config\w*|setting|values?|parameter|variable|secret)\b|->",
    re.IGNORECASE,
)
"""How systems say that somebody set something otherwise."""
_NAME = re.compile(r"\b[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)+\b")
"""Names that people give to settings: words joined by dots, dashes or underscores."""


def _is_in_trouble(scene: Scene, workload: Workload) -> bool:
    if served(scene, workload) is not None:
        return False
    return not scene.works(workload) or bool(scene.alarms(workload.uid))


def is_of_release(scene: Scene, workload: Workload) -> bool:
    """Whether the pods of the latest release fail, and those before it, which run beside them, do not."""
    return scene.once(("is_of_release", workload.uid), lambda: _is_of_release(scene, workload))


def _is_of_release(scene: Scene, workload: Workload) -> bool:
    pods = [p for p in scene.pods(workload.uid) if text(p.body, "status", "phase") not in ("Succeeded", "Failed")]
    begun: dict[str, str] = {}
    for pod in pods:
        name = str(labels_of(pod.body).get(_HASH) or "")
        begun[name] = max(begun.get(name, ""), text(pod.body, "status", "startTime"))
    if len(begun) < 2 or "" in begun:
        return False
    latest = max(begun, key=lambda name: begun[name])
    new = [p for p in pods if labels_of(p.body).get(_HASH) == latest]
    old = [p for p in pods if labels_of(p.body).get(_HASH) != latest]
    return not any(is_ready(p) for p in new) and all(is_ready(p) for p in old)
