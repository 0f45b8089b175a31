"""What faults do to a recording: each changes objects, pods, events and logs as Kubernetes and drivers would.

Texts are those of kubernetes/kubernetes, containerd, Spring, Go and Node. A fault says which kind of cause the product
should find; an application that can't have it gives None.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from evals.transplant.tape import Manifest, Tape

Fault: TypeAlias = Callable[[Tape, str, random.Random], str | None]
"""Changes a recording for one application; returns our kind of cause, or None where it can't be had."""

_NODES = "0/4 nodes are available: "


def _workers(tape: Tape) -> list[str]:
    return [n for n in tape.names("DescribeResource", "name", resource_type="nodes") if n != "master"]


def _port(tape: Tape, app: str) -> int | None:
    for document in tape.manifests(app):
        if document["kind"] == "Deployment":
            for port in document["spec"]["template"]["spec"]["containers"][0].get("ports") or ():
                return int(port["containerPort"])
    return None


def node_selector(tape: Tape, app: str, rng: random.Random) -> str | None:
    wanted = rng.choice(
        [{"disktype": "nvme"}, {"zone": "eu-9"}, {"kubernetes.io/hostname": "worker-99"}, {"gpu": "true"}]
    )
    tape.spec(app, lambda spec: spec.update(nodeSelector=wanted))
    tape.pending(app, _NODES + "1 node(s) were unschedulable, 3 node(s) didn't match Pod's node affinity/selector.")
    return "node_selector_mismatch"


def node_affinity(tape: Tape, app: str, rng: random.Random) -> str | None:
    operator, values = rng.choice([("In", ["eu-9"]), ("NotIn", ["linux"]), ("Gt", ["99"])])
    key = "kubernetes.io/os" if operator == "NotIn" else "zone"
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    tape.spec(app, lambda spec: spec.update(affinity={"nodeAffinity": required}))
    tape.pending(app, _NODES + "1 node(s) were unschedulable, 3 node(s) didn't match Pod's node affinity/selector.")
    return "node_affinity_mismatch"


def taint(tape: Tape, app: str, rng: random.Random) -> str | None:
    key = rng.choice(["dedicated=db:NoSchedule", "maintenance:NoExecute", "spot=true:NoSchedule"])
    for node in _workers(tape):
        tape.describe("nodes", node, lambda text: re.sub(r"Taints: +<none>", f"Taints:             {key}", text))
    name = key.partition(":")[0].replace("=", ": ")
    tape.pending(app, _NODES + f"1 node(s) were unschedulable, 3 node(s) had untolerated taint {{{name}}}.")
    return "untolerated_taint"


def cordon(tape: Tape, app: str, rng: random.Random) -> str | None:
    node = rng.choice(_workers(tape))
    mark = "Taints:             node.kubernetes.io/unschedulable:NoSchedule"
    tape.describe(
        "nodes",
        node,
        lambda t: re.sub(r"Taints: +<none>", mark, t).replace("Unschedulable:      false", "Unschedulable:      true"),
    )
    tape.spec(app, lambda spec: spec.update(nodeSelector={"kubernetes.io/hostname": node}))
    tape.pending(app, _NODES + "2 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.")
    return "node_cordoned"


def cordon_all(tape: Tape, app: str, rng: random.Random) -> str | None:  # noqa: ARG001
    mark = "Taints:             node.kubernetes.io/unschedulable:NoSchedule"
    for node in _workers(tape):
        tape.describe(
            "nodes",
            node,
            lambda t: re.sub(r"Taints: +<none>", mark, t).replace(
                "Unschedulable:      false", "Unschedulable:      true"
            ),
        )
    tape.pending(
        app,
        _NODES + "4 node(s) were unschedulable. preemption: 0/4 nodes are available: 4 Preemption is not helpful "
        "for scheduling.",
    )
    return "node_cordoned"


def anti_affinity(tape: Tape, app: str, rng: random.Random) -> str | None:
    term = {"labelSelector": {"matchLabels": {"app": rng.choice(tape.apps())}}, "topologyKey": "kubernetes.io/os"}
    rule = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    tape.spec(app, lambda spec: spec.update(affinity=rule))
    words = rng.choice(["didn't match pod anti-affinity rules", "didn't satisfy existing pods anti-affinity rules"])
    tape.pending(app, _NODES + f"1 node(s) were unschedulable, 3 node(s) {words}.")
    return "pod_anti_affinity_conflict"


def _insufficient(resource: str, amount: str) -> Fault:
    def put(tape: Tape, app: str, rng: random.Random) -> str | None:  # noqa: ARG001
        tape.container(app, lambda c: c.setdefault("resources", {}).update(requests={resource: amount}))
        tape.pending(app, _NODES + f"1 node(s) were unschedulable, 3 Insufficient {resource}.")
        return f"insufficient_{resource}"

    return put


def no_account(tape: Tape, app: str, rng: random.Random) -> str | None:
    name = rng.choice([f"{app}-sa", "deployer", "ghost"])
    tape.spec(app, lambda spec: spec.update(serviceAccountName=name))
    where = f'{tape.namespace}/{name}: serviceaccount "{name}" not found'
    tape.no_pods(app, f'Error creating: pods "{app}-5c6-" is forbidden: error looking up service account {where}')
    return "missing_service_account"


def _quota(resource: str, asked: str, used: str, hard: str) -> Fault:
    def put(tape: Tape, app: str, rng: random.Random) -> str | None:
        name = rng.choice(["team-quota", "compute", f"{resource.partition('.')[2] or resource}-limits"])
        told = f"requested: {resource}={asked}, used: {resource}={used}, limited: {resource}={hard}"
        tape.no_pods(app, f'Error creating: pods "{app}-5c6-x1x" is forbidden: exceeded quota: {name}, {told}')
        rows = f"Resource  Used  Hard\n--------  ---  ---\n{resource}  {used}  {hard}\n"
        tape.put("resourcequota", name, f"Name:       {name}\nNamespace:  {tape.namespace}\n{rows}")
        return f"quota:{resource}"

    return put


def service_quota(tape: Tape, app: str, rng: random.Random) -> str | None:  # noqa: ARG001
    if not _has_service(tape, app):
        return None
    tape.drop("services", app)
    tape.drop("endpoints", app)
    rows = "Resource  Used  Hard\n--------  ---  ---\nservices  9  9\n"
    tape.put("resourcequota", "objects", f"Name:       objects\nNamespace:  {tape.namespace}\n{rows}")
    return "quota:services"


def _has_service(tape: Tape, app: str) -> bool:
    return app in tape.names("DescribeResource", "name", resource_type="services")


def _pull(tape: Tape, app: str, image: str, said: str) -> None:
    tape.container(app, lambda c: c.update(image=image))
    rows = [("Failed", f'Failed to pull image "{image}": {said}'), ("Failed", "Error: ErrImagePull")]
    tape.waiting(app, "ImagePullBackOff", rows)


def registry_name(tape: Tape, app: str, rng: random.Random) -> str | None:
    host = rng.choice(["registry.internal.corp", "mirror.example.invalid", "harbor.lab.local"])
    image = f"{host}/{app}:v1"
    said = (
        f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": failed to do request: Head '
    )
    tail = rng.choice(
        [
            f'"https://{host}/v2/": dial tcp: lookup {host} on 10.68.0.2:53: no such host',
            f'"https://{host}/v2/": dial tcp: lookup {host}: Temporary failure in name resolution',
            f'"https://{host}/v2/": dial tcp: lookup {host} on 127.0.0.53:53: server misbehaving',
        ]
    )
    _pull(tape, app, image, said + tail)
    return "registry_unresolvable"


def wrong_image(tape: Tape, app: str, rng: random.Random) -> str | None:
    image = next(d for d in tape.manifests(app) if d["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"][
        0
    ]["image"]
    base = image.rpartition(":")[0]
    wrong = rng.choice([f"{base}:v9.9.9-nope", f"{base}-typo:latest", f"{base}:latst"])
    said = rng.choice(
        [
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{wrong}": failed to resolve '
            f'reference "{wrong}": {wrong}: not found',
            "rpc error: code = Unknown desc = Error response from daemon: manifest unknown: manifest unknown",
            f'failed to pull and unpack image "{wrong}": failed to resolve reference "{wrong}": pull access '
            f"denied, repository does not exist or may require authorization: server message: "
            f"insufficient_scope: authorization failed",
        ]
    )
    _pull(tape, app, wrong, said)
    return "bad_image"


def pull_secret(tape: Tape, app: str, rng: random.Random) -> str | None:
    image = f"registry.example.com/private/{app}:v1"
    form = rng.choice(["none", "named", "named-old"])
    if form != "none":
        tape.spec(app, lambda spec: spec.update(imagePullSecrets=[{"name": "regcred-missing"}]))
    said = rng.choice(
        [
            f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": failed to '
            f"authorize: failed to fetch anonymous token: unexpected status from GET request to "
            f"https://registry.example.com/token: 401 Unauthorized",
            f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": pull access '
            f"denied, repository does not exist or may require authorization: server message: "
            f"insufficient_scope: authorization failed",
            f'rpc error: code = Unknown desc = failed to pull and unpack image "{image}": failed to resolve '
            f'reference "{image}": unexpected status from HEAD request to https://registry.example.com/v2/: '
            f"403 Forbidden",
        ]
    )
    _pull(tape, app, image, said)
    if form == "named":
        for pod in tape.pods(app):
            unable = (
                "Unable to retrieve some image pull secrets (regcred-missing); attempting to pull the "
                "image may not succeed."
            )
            rows = [("FailedToRetrieveImagePullSecret", unable), ("Failed", f'Failed to pull image "{image}": {said}')]
            tape.events("pods", pod, rows)
    return "registry_denied"


def no_secret(tape: Tape, app: str, rng: random.Random) -> str | None:
    name = f"{app}-credentials"
    form = rng.choice(["envFrom", "env", "volume"])

    def refer(spec: Manifest) -> None:
        container = spec["containers"][0]
        if form == "envFrom":
            container.setdefault("envFrom", []).append({"secretRef": {"name": name}})
        elif form == "env":
            variable = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": name, "key": "token"}}}
            container.setdefault("env", []).append(variable)
        else:
            spec.setdefault("volumes", []).append({"name": "s", "secret": {"secretName": name}})

    tape.spec(app, refer)
    if form == "volume":
        tape.waiting(
            app,
            "ContainerCreating",
            [("FailedMount", f'MountVolume.SetUp failed for volume "s" : secret "{name}" not found')],
        )
    else:
        tape.waiting(app, "CreateContainerConfigError", [("Failed", f'Error: secret "{name}" not found')])
    return "missing_secret"


def volume_denied(tape: Tape, app: str, rng: random.Random) -> str | None:
    def mount(spec: Manifest) -> None:
        spec.setdefault("volumes", []).append({"name": "state", "hostPath": {"path": "/srv/state"}})
        spec["containers"][0].setdefault("volumeMounts", []).append({"name": "state", "mountPath": "/srv/state"})

    tape.spec(app, mount)
    line = rng.choice(
        [
            "mkdir: cannot create directory '/srv/state/db': Permission denied",
            "java.nio.file.AccessDeniedException: /srv/state/lock",
            "PermissionError: [Errno 13] Permission denied: '/srv/state/x'",
            "chown: changing ownership of '/srv/state': Operation not permitted",
            "Error: EACCES: permission denied, open '/srv/state/app.log'",
        ]
    )
    tape.waiting(
        app,
        "CrashLoopBackOff",
        [("BackOff", f"Back-off restarting failed container in pod {app}")],
        last="Error",
        restarts=5,
    )
    tape.log(app, line)
    return "volume_permission_denied"


def out_of_memory(tape: Tape, app: str, rng: random.Random) -> str | None:
    form = rng.choice(["killed", "sandbox"])
    if form == "killed":
        rows = [("BackOff", f"Back-off restarting failed container in pod {app}")]
        tape.waiting(app, "CrashLoopBackOff", rows, last="OOMKilled", code=137, restarts=4)
    else:
        said = (
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to create containerd "
            "task: failed to create shim task: OCI runtime create failed: runc create failed: unable to "
            "start container process: container init was OOM-killed (memory limit too low?): unknown"
        )
        tape.waiting(app, "ContainerCreating", [("FailedCreatePodSandBox", said)])
    return "oom_killed"


def _probe_at(tape: Tape, app: str, which: str, probe: Manifest) -> None:
    tape.container(
        app,
        lambda c: c.update({which: {"periodSeconds": 10, "failureThreshold": 3, "initialDelaySeconds": 15, **probe}}),
    )


def _wrong_protocol(which: str) -> Fault:
    def put(tape: Tape, app: str, rng: random.Random) -> str | None:  # noqa: ARG001
        port = _port(tape, app)
        if port is None:
            return None
        _probe_at(tape, app, f"{which}Probe", {"httpGet": {"path": "/", "port": port}})
        said = (
            f'{which.title()} probe failed: Get "http://172.20.1.9:{port}/": net/http: HTTP/1.x transport '
            f'connection broken: malformed HTTP response "\\x00\\x00"'
        )
        tape.unready(app, [("Unhealthy", said)], restarts=3 if which == "liveness" else 0)
        return f"{which}_probe_wrong_protocol"

    return put


def _wrong_port(which: str) -> Fault:
    def put(tape: Tape, app: str, rng: random.Random) -> str | None:
        port = _port(tape, app)
        if port is None:
            return None
        wrong = port + rng.choice([1, 10, 1000])
        way: Manifest = rng.choice(
            [{"tcpSocket": {"port": wrong}}, {"httpGet": {"path": "/h", "port": wrong}}, {"grpc": {"port": wrong}}]
        )
        _probe_at(tape, app, f"{which}Probe", way)
        said = rng.choice(
            [
                f"probe failed: dial tcp 172.20.1.9:{wrong}: connect: connection refused",
                f'probe failed: timeout: failed to connect service "172.20.1.9:{wrong}" within 1s: context '
                f"deadline exceeded",
                "probe failed: HTTP probe failed with statuscode: 500",
            ]
        )
        tape.unready(app, [("Unhealthy", f"{which.title()} {said}")], restarts=3 if which == "liveness" else 0)
        return f"{which}_probe_wrong_port"

    return put


def hasty(tape: Tape, app: str, rng: random.Random) -> str | None:
    port = _port(tape, app)
    if port is None:
        return None
    probe = {"tcpSocket": {"port": port}}
    patience = rng.choice([(0, 1, 1), (1, 1, 2), (0, 1, 3)])
    keys = ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    tape.container(app, lambda c: c.update(livenessProbe={**probe, **dict(zip(keys, patience, strict=True))}))
    said = f"Liveness probe failed: dial tcp 172.20.1.9:{port}: connect: connection refused"
    tape.waiting(app, "CrashLoopBackOff", [("Unhealthy", said)], last="Error", code=137, restarts=6)
    return "liveness_probe_too_early"


def port_taken(tape: Tape, app: str, rng: random.Random) -> str | None:
    port = _port(tape, app)
    if port is None:
        return None
    tape.spec(
        app,
        lambda spec: spec["containers"].append(
            {"name": "helper", "image": "busybox", "ports": [{"containerPort": port}]}
        ),
    )
    line = rng.choice(
        [
            f"Web server failed to start. Port {port} was already in use.",
            f"listen tcp :{port}: bind: address already in use",
            f"Error: listen EADDRINUSE: address already in use :::{port}",
            "OSError: [Errno 98] Address already in use",
            "java.net.BindException: Address already in use",
        ]
    )
    rows = [("BackOff", f"Back-off restarting failed container in pod {app}")]
    tape.waiting(app, "CrashLoopBackOff", rows, last="Error", restarts=5)
    tape.log(app, line)
    return "port_in_use"


def selector(tape: Tape, app: str, rng: random.Random) -> str | None:
    if not _has_service(tape, app):
        return None
    wrong = rng.choice([f"app={app}-v2", f"app={app}s", "tier=gone"])
    tape.forget_yaml("services", app)
    tape.describe(
        "services",
        app,
        lambda t: re.sub(r"(Selector: +)[^\n]+", rf"\g<1>{wrong}", re.sub(r"(Endpoints: +)[^\n]+", r"\g<1><none>", t)),
    )
    tape.refuse(app)
    return "selector_mismatch"


def target_port(tape: Tape, app: str, rng: random.Random) -> str | None:
    port = _port(tape, app)
    if port is None or not _has_service(tape, app):
        return None
    wrong = port + rng.choice([1, 100])
    tape.forget_yaml("services", app)
    tape.describe("services", app, lambda t: re.sub(r"(TargetPort: +)[^\n]+", rf"\g<1>{wrong}/TCP", t))
    tape.refuse(app)
    return "port_mapping_mismatch"


def protocol(tape: Tape, app: str, rng: random.Random) -> str | None:  # noqa: ARG001
    if not _has_service(tape, app) or _port(tape, app) is None:
        return None
    tape.forget_yaml("services", app)
    tape.describe("services", app, lambda t: re.sub(r"((?:Target)?Port: +.*)/TCP", r"\g<1>/UDP", t))
    tape.refuse(app)
    return "protocol_mismatch"


def address(tape: Tape, app: str, rng: random.Random) -> str | None:
    form = rng.choice(["port", "name"])
    done: list[str] = []

    def edit(container: Manifest) -> None:
        for variable in container.get("env") or ():
            found = re.fullmatch(r"([a-z][a-z0-9-]*):(\d+)", str(variable.get("value", "")))
            if found and _has_service(tape, found[1]) and not done:
                wrong = f"{found[1]}:{int(found[2]) + 7}" if form == "port" else f"{found[1]}-svc:{found[2]}"
                variable["value"] = wrong
                done.append(wrong)

    tape.container(app, edit)
    if not done:
        return None
    host, _, port = done[0].partition(":")
    line = (
        f"rpc error: code = Unavailable desc = connection error: dial tcp 10.68.1.1:{port}: connect: connection refused"
    )
    tape.log(app, line if form == "port" else f"dial tcp: lookup {host} on 10.68.0.2:53: no such host")
    return "address_mismatch"


def resolver(tape: Tape, app: str, rng: random.Random) -> str | None:
    policy: Any = rng.choice(
        [{"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.1.2.3"]}}, {"dnsPolicy": "Default"}]
    )
    tape.spec(app, lambda spec: spec.update(policy))
    line = rng.choice(
        [
            "Caused by: java.net.UnknownHostException: tsdb-mysql-leader: Temporary failure in name resolution",
            "Error: getaddrinfo EAI_AGAIN redis-cart",
            "dial tcp: lookup cartservice on 10.1.2.3:53: read udp 172.20.1.1:4->10.1.2.3:53: i/o timeout",
            "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        ]
    )
    rows = [("BackOff", f"Back-off restarting failed container in pod {app}")]
    tape.waiting(app, "CrashLoopBackOff", rows, last="Error", restarts=5)
    tape.log(app, line)
    return "dns_failure"


def zero(tape: Tape, app: str, rng: random.Random) -> str | None:  # noqa: ARG001
    tape.apply(app, lambda d: d["spec"].update(replicas=0))
    for pod in tape.pods(app):
        tape.drop("pods", pod)
    states = "Replicas:  0 desired | 0 updated | 0 total | 0 available | 0 unavailable"
    tape.describe("deployments", app, lambda text: re.sub(r"Replicas: +\d+ desired[^\n]*", states, text))
    tape.refuse(app)
    return "scaled_down"


FAULTS: dict[str, Fault] = {
    "node selector": node_selector,
    "node affinity": node_affinity,
    "taint": taint,
    "cordon": cordon,
    "cordon all": cordon_all,
    "anti-affinity": anti_affinity,
    "cpu request": _insufficient("cpu", "64"),
    "memory request": _insufficient("memory", "512Gi"),
    "service account": no_account,
    "cpu quota": _quota("requests.cpu", "1", "10", "10"),
    "cpu limit quota": _quota("limits.cpu", "2", "10", "10"),
    "memory quota": _quota("requests.memory", "1Gi", "4Gi", "4Gi"),
    "pod quota": _quota("pods", "1", "10", "10"),
    "service quota": service_quota,
    "registry name": registry_name,
    "image": wrong_image,
    "pull secret": pull_secret,
    "secret": no_secret,
    "volume permission": volume_denied,
    "memory limit": out_of_memory,
    "liveness protocol": _wrong_protocol("liveness"),
    "liveness port": _wrong_port("liveness"),
    "liveness timing": hasty,
    "readiness protocol": _wrong_protocol("readiness"),
    "readiness port": _wrong_port("readiness"),
    "port taken": port_taken,
    "service selector": selector,
    "service port": target_port,
    "service protocol": protocol,
    "address": address,
    "resolver": resolver,
    "no replicas": zero,
}
