"""Why containers do not start: images, references, sandboxes.

Reasons are those of the kubelet (kubernetes/kubernetes `pkg/kubelet/events`, `pkg/kubelet/images/types.go`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.diagnosis.mechanisms.mechanism import Mechanism, Sign
from graph.diagnosis.mechanisms.scene import Scene
from graph.evidence import SymptomEvent
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

_IMAGE_WAITS = frozenset(
    {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_NO_HOST = re.compile(
    r"no such host|server misbehaving|temporary failure in name resolution|lookup \S+ on \S+|name or service not known"
    r"|lookup \S+: |could not resolve host",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"i/o timeout|connection refused|no route to host|network is unreachable|deadline exceeded", re.IGNORECASE
)
_DENIED = re.compile(
    r"pull access denied|unauthorized|authentication required|\b403\b|\b401\b|insufficient_scope|forbidden"
    r"|access to the resource is denied|no basic auth credentials|failed to authorize|permission .{0,80}denied"
    r"|denied: ",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(
    r"not ?found|manifest unknown|name unknown|couldn't parse image|invalid reference format", re.IGNORECASE
)
_MISSING = re.compile(
    r"(?P<kind>secret|configmap)s? [\"'](?:[\w.-]+/)?(?P<name>[^\"'/]+)[\"'] (is )?not found"
    r"|object \"[\w.-]+\"/\"(?P<cached>[^\"]+)\" not registered",
    re.IGNORECASE,
)
_NO_KEY = re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?P<name>\S+)")
_TOO_LITTLE_MEMORY = re.compile(
    r"container init was OOM-killed|memory limit too low|Cannot allocate memory|oom-kill"
    r"|minimum memory limit allowed",
    re.IGNORECASE,
)


_UNTOLD = "nobody says why."


def startup(scene: Scene) -> Iterator[Mechanism]:
    """Yield what keeps containers of pods that exist from starting."""
    for workload in scene.workloads:
        yield from _image(scene, workload)
        if not scene.works(workload):
            yield from _reference(scene, workload)
            yield from _sandbox(scene, workload)


def _image(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    waits = [w for pod in scene.pods(workload.uid) for w in _waiting(pod.body) if w[1] in _IMAGE_WAITS]
    if not waits:
        return
    name, said = workload.document.resource.display, _pull_failure(scene, workload)
    image = next((text(c, "image") for _, _, c in workload.containers()), "")
    kind, why = _why_no_image(said.text if said else "", waits[0][1], has_secret=_names_pull_secret(workload))
    if kind == "registry_denied" and not _names_pull_secret(workload) and _is_open_to_peers(scene, workload):
        # Where others pull the same repository without a secret, what is denied is a name that is not there.
        kind, why = "bad_image", "the registry denies this name, and gives its neighbours away to everybody."
    signs = (Sign(text="The kubelet says why it can't pull the image.", event=said),) if said else ()
    lacking = scene.events(workload.uid, "FailedToRetrieveImagePullSecret")
    absent = _absent_pull_secret(scene, workload)
    if (lacking or absent) and kind not in ("registry_unresolvable", "registry_unreachable"):
        # The pull goes on without the secret and fails as one that is denied, or as if there were no such image.
        kind, why = "registry_denied", "the pull secret that it names can't be read."
        where = workload.path("imagePullSecrets")
        state = Sign(text=f"It names the pull secret {absent}, which does not exist.", uid=workload.uid, path=where)
        told = Sign(text="The kubelet can't read its pull secret.", event=lacking[0]) if lacking else state
        signs = (told, *signs)
    state = Sign(text=f"A container waits with {waits[0][1]}.", uid=workload.uid, path=workload.path("containers"))
    yield Mechanism(
        resource=workload.uid,
        kind=kind,
        summary=f"{name} can't pull its image {image}: {why}",
        signs=(*signs, state),
        # Without the kubelet's words the most common of several reasons is little more than a guess.
        strength=0.25 if why == _UNTOLD else 1.0,
    )


def _waiting(pod: object) -> Iterator[tuple[str, str]]:
    """Yield (container, reason) of the containers of a pod that wait."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for _, status in entries(mapping(pod, "status"), field):
            if reason := text(status, "state", "waiting", "reason"):
                yield text(status, "name"), reason


def _pull_failure(scene: Scene, workload: Workload) -> SymptomEvent | None:
    """The event that gives the reason; those around it only repeat that there is one."""
    events = scene.events(workload.uid, "Failed", "InspectFailed", "ErrImageNeverPull")
    telling = [e for e in events if "pull" in e.text.lower() and not e.text.startswith("Error: ")]
    return max(telling, key=lambda e: len(e.text), default=None)


def _why_no_image(said: str, reason: str, *, has_secret: bool) -> tuple[str, str]:
    # The registry's answer stands behind the name of the image, which may itself contain any of the words.
    answer = said.partition("rpc error:")[2] or said.partition('": ')[2] or said
    if reason == "InvalidImageName":
        return "bad_image", "its name is malformed."
    if _NO_HOST.search(answer):
        return "registry_unresolvable", "the name of the registry does not resolve."
    if _DENIED.search(answer):
        # A registry that hides what exists answers "denied" for a wrong name, too.
        return "registry_denied", "the registry refuses it" + ("." if has_secret else ", and it names no pull secret.")
    if _NO_IMAGE.search(answer):
        return "bad_image", "the registry has no such image."
    if _UNREACHABLE.search(answer):
        return "registry_unreachable", "the registry can't be reached."
    return "bad_image", _UNTOLD


def _names_pull_secret(workload: Workload) -> bool:
    return bool(entries(workload.spec, "imagePullSecrets"))


def _absent_pull_secret(scene: Scene, workload: Workload) -> str:
    """Name of a pull secret that does not exist, where the Secrets of the namespace are known."""
    known = {s.resource.name for s in scene.live.beside(workload.document, "Secret")}
    names = [text(s, "name") for _, s in entries(workload.spec, "imagePullSecrets")]
    return next((name for name in names if known and name and name not in known), "")


def _is_open_to_peers(scene: Scene, workload: Workload) -> bool:
    """Whether another workload that names no pull secret runs an image of the same repository."""
    mine = {_repository(text(c, "image")) for _, _, c in workload.containers()} - {""}
    return any(
        _repository(text(c, "image")) in mine
        for w in scene.everything
        if w.uid != workload.uid and not _names_pull_secret(w) and scene.pods(w.uid) and scene.works(w)
        for _, _, c in w.containers()
    )


def _repository(image: str) -> str:
    """What stands before the last part of an image's name: registry and project; empty where there is neither."""
    return image.rpartition("/")[0]


def _reference(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    name = workload.document.resource.display
    for event in scene.events(workload.uid, "Failed", "FailedMount"):
        sign = (Sign(text="The kubelet says what is missing.", event=event),)
        if found := _MISSING.search(event.text):
            if not found["kind"]:
                continue  # The kubelet has not read it yet; it says what it is when it has.
            kind = found["kind"].lower()
            cause = "missing_secret" if kind == "secret" else "missing_config"
            what = "Secret" if kind == "secret" else "ConfigMap"
            summary = f"{name} needs {what} {found['name']}, which does not exist."
            yield Mechanism(resource=workload.uid, kind=cause, summary=summary, signs=sign)
            return
        if found := _NO_KEY.search(event.text):
            summary = f"{name} needs key {found['key']} of {found['kind']} {found['name']}, which has no such key."
            yield Mechanism(resource=workload.uid, kind="missing_key", summary=summary, signs=sign)
            return


def _sandbox(scene: Scene, workload: Workload) -> Iterator[Mechanism]:
    for event in scene.events(workload.uid, "FailedCreatePodSandBox", "Failed", "FailedStart"):
        if _TOO_LITTLE_MEMORY.search(event.text) and scene.is_fresh(event):
            yield Mechanism(
                resource=workload.uid,
                kind="oom_killed",
                summary=f"The memory limit of {workload.document.resource.display} is too low to start.",
                signs=(
                    Sign(text="The runtime was killed for want of memory while it set up the container.", event=event),
                ),
            )
            return
