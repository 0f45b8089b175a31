"""Why a claim gets no volume, and why a volume can't be used.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.document import Object
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.inventory import labels_of, uid_near
from graph.kinds.kubernetes.quantity import quantity
from graph.kinds.kubernetes.selectors import matches
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, strings, text
from graph.version import Document

_NOT_FOUND = re.compile(r"persistentvolumeclaim \"([^\"]+)\" not found")
_WRITE_DENIED = re.compile(
    r"permission denied|read-only file system|operation not permitted|EACCES|EROFS|AccessDenied(Exception)?\b"
    r"|not writable|is not accessible|Errcode: 13",
    re.IGNORECASE,
)
_QUOTA_OF_CLAIMS = re.compile(r"(^|\.)requests\.storage$|persistentvolumeclaims$")


def unbound_claims(scene: Scene, workload: Workload, said: SymptomEvent | None) -> Iterator[Mechanism]:
    """Yield why claims of a workload have no volume."""
    signs = (Sign(text="The scheduler waits for a claim.", event=said),) if said else ()
    for name in claims_of(workload):
        uid = uid_near(workload.document, kind="PersistentVolumeClaim", name=name)
        claim = scene.live.get(uid)
        if claim is None and said and name in _NOT_FOUND.findall(said.text):
            yield _missing(scene, workload, uid, name, signs)
        elif claim is not None and text(claim.body, "status", "phase") == "Pending":
            yield from _pending(scene, workload, claim, signs)


def claims_of(workload: Workload) -> list[str]:
    """Names of the claims that the volumes of a workload use."""
    found = [text(v, "persistentVolumeClaim", "claimName") for _, v in entries(workload.spec, "volumes")]
    return [name for name in found if name]


def _missing(scene: Scene, workload: Workload, uid: str, name: str, signs: tuple[Sign, ...]) -> Mechanism:
    """A claim that does not exist: a quota that has no room for it explains that, else it was never made."""
    wanted = scene.declared.get(uid)
    for quota in scene.live.beside(workload.document, "ResourceQuota"):
        if wanted is not None and (resource := _has_no_room(quota, wanted)):
            state = Sign(
                text="What the claim requests does not fit into the quota.", uid=quota.resource.uid, path="/status"
            )
            return Mechanism(
                resource=quota.resource.uid,
                kind="quota_exceeded",
                summary=f"The quota {quota.resource.name} of {resource} leaves no room for the claim {name}.",
                signs=(*signs, state),
                stops=(workload.uid,),
            )
    return Mechanism(
        resource=workload.uid,
        kind="missing_claim",
        summary=f"{workload.document.resource.display} mounts the claim {name}, which does not exist.",
        signs=signs,
    )


def _has_no_room(quota: Document, claim: Document) -> str:
    """The resource of which a quota has less left than a claim requests; empty when it fits."""
    hard, used = (mapping(quota.body, "status", key) for key in ("hard", "used"))
    requested = quantity(mapping(claim.body, "spec", "resources", "requests").get("storage")) or Fraction(0)
    storage_class = text(claim.body, "spec", "storageClassName")
    for name, limit in hard.items():
        if not _QUOTA_OF_CLAIMS.search(name) or ("/" in name and not name.startswith(f"{storage_class}.")):
            continue
        asked = requested if name.endswith("requests.storage") else Fraction(1)
        most, taken = quantity(limit), quantity(used.get(name))
        if most is not None and taken is not None and taken + asked > most:
            return str(name)
    return ""


def _pending(scene: Scene, workload: Workload, claim: Document, signs: tuple[Sign, ...]) -> Iterator[Mechanism]:
    declared = scene.declared.get(claim.resource.uid)
    spec = (
        {**mapping(declared.body, "spec"), **mapping(claim.body, "spec")} if declared else mapping(claim.body, "spec")
    )
    kind, why = _unfit(spec, claim, scene.live.of("PersistentVolume"), scene.live.of("StorageClass"))
    events = scene.events(claim.resource.uid)
    said = tuple(Sign(text="The volume controller says why.", event=e) for e in events[:1])
    yield Mechanism(
        resource=workload.uid,
        kind=kind,
        summary=f"The claim {claim.resource.name} of {workload.document.resource.display} has no volume: {why}",
        signs=(Sign(text=f"The claim is pending: {why}", uid=claim.resource.uid, path="/spec"), *said, *signs),
    )


def _unfit(spec: Object, claim: Document, volumes: Sequence[Document], classes: Sequence[Document]) -> tuple[str, str]:
    """Return (kind, reason) of what keeps a claim and the volume that comes nearest apart."""
    asked_class = spec.get("storageClassName")
    provisions = {c.resource.name for c in classes if "no-provisioner" not in text(c.body, "provisioner")}
    if isinstance(asked_class, str) and asked_class and asked_class not in {c.resource.name for c in classes}:
        near = [v for v in volumes if text(v.body, "spec", "storageClassName") == asked_class]
        if not near:
            return "claim_class_mismatch", f"no storage class or volume is called {asked_class}."
    if asked_class in provisions:
        return "volume_not_provisioned", "its provisioner made no volume."
    failed = {v.resource.uid: [kind for kind, fits in _FITS.items() if not fits(spec, claim, v.body)] for v in volumes}
    if not failed:
        return "no_volume", "there is no volume at all."
    nearest = min(volumes, key=lambda v: (len(failed[v.resource.uid]), _is_taken(v), v.resource.name))
    wrong = failed[nearest.resource.uid]
    name = nearest.resource.name
    return (wrong[0], _WHY[wrong[0]].format(name)) if wrong else ("volume_not_bound", f"volume {name} would fit.")


def _is_taken(volume: Document) -> bool:
    return bool(mapping(volume.body, "spec", "claimRef"))


def _same_class(spec: Object, _: Document, volume: Object) -> bool:
    asked = spec.get("storageClassName")
    return asked is None or (asked or "") == text(volume, "spec", "storageClassName")


def _is_large(spec: Object, _: Document, volume: Object) -> bool:
    asked = quantity(mapping(spec, "resources", "requests").get("storage"))
    has = quantity(mapping(volume, "spec", "capacity").get("storage"))
    return asked is None or has is None or has >= asked


def _has_modes(spec: Object, _: Document, volume: Object) -> bool:
    return set(strings(spec.get("accessModes"))) <= set(strings(mapping(volume, "spec").get("accessModes")))


def _is_selected(spec: Object, _: Document, volume: Object) -> bool:
    selector = spec.get("selector")
    return not selector or matches(selector, labels_of(volume))


def _is_free(_: Object, claim: Document, volume: Object) -> bool:
    taken_by = mapping(volume, "spec", "claimRef")
    mine = (claim.resource.namespace, claim.resource.name)
    return not taken_by or (taken_by.get("namespace"), taken_by.get("name")) == mine


_FITS: dict[str, Callable[[Object, Document, Object], bool]] = {
    "claim_class_mismatch": _same_class,
    "claim_selector_mismatch": _is_selected,
    "claim_access_mode_mismatch": _has_modes,
    "claim_capacity_mismatch": _is_large,
    "volume_already_claimed": _is_free,
}
_WHY = {
    "claim_class_mismatch": "volume {} has another storage class.",
    "claim_selector_mismatch": "volume {} does not have the labels that it selects.",
    "claim_access_mode_mismatch": "volume {} does not offer its access mode.",
    "claim_capacity_mismatch": "volume {} is smaller than it requests.",
    "volume_already_claimed": "volume {} belongs to another claim.",
}


def mounting(scene: Scene) -> Iterator[Mechanism]:
    """Yield volumes that can't be mounted, or that a container may not write to."""
    for workload in scene.workloads:
        if scene.works(workload):
            continue
        failed = [e for e in scene.events(workload.uid, "FailedMount", "FailedAttachVolume") if scene.is_fresh(e)]
        for event in failed[:1]:
            yield Mechanism(
                resource=workload.uid,
                kind="volume_not_mounted",
                summary=f"A volume of {workload.document.resource.display} can't be mounted.",
                signs=(Sign(text="The kubelet can't mount a volume.", event=event),),
                strength=0.9,
            )
        if entries(workload.spec, "volumes"):
            yield from _denied(scene, workload)


def _denied(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    mounts = [m for _, _, c in workload.containers() for _, m in entries(c, "volumeMounts")]
    paths = [text(m, "mountPath") for m in mounts if text(m, "mountPath").strip("/")]
    for event in scene.said(workload.uid):
        if (_WRITE_DENIED.search(event.text) and any(path in event.text for path in paths)) or _is_denied_write(
            event.text
        ):
            yield Mechanism(
                resource=workload.uid,
                kind="volume_permission_denied",
                summary=f"{workload.document.resource.display} may not write to a volume that it mounts.",
                signs=(Sign(text="It says that it may not use its volume.", event=event),),
                strength=0.9,
            )
            return


def _is_denied_write(line: str) -> bool:
    """A denied open or write of a file, by a process that has volumes."""
    return bool(
        re.search(
            r"(open|writ|creat|mkdir|chown|append|save)\w*[^\n]{0,80}(permission denied|read-only file)",
            line,
            re.IGNORECASE,
        )
    )
