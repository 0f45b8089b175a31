"""An API server to write to: one that runs already, or one started for the purpose with its store and controllers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from graph.errors import Unreachable
from tools.adapters.kustomize import kubectl

Object = dict[str, Any]

_TOKEN = "evaluation"  # noqa: S105  (of a server that listens on the loopback address for minutes)
_START_S = 180.0
_NO_PLAIN_PORT = 24
"""The first minor version whose controllers have no port without TLS, and no flag for it."""
USERS = ("mira@example.com", "deploy-bot", "system:kube-controller-manager", "system:node:one")
"""Who is known to a server that is started here. All may do everything; the first one is a person."""
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "", "resources": ["events"]}]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]},
        {"level": "RequestResponse"},
    ],
}


class Kubectl:
    """Commands of kubectl against one server."""

    def __init__(self, kubeconfig: Path) -> None:
        self._program = str(kubectl())
        self.kubeconfig = kubeconfig
        self.audit = kubeconfig.with_name("audit.jsonl")
        """Audit log of a server that was started here."""

    def run(self, *arguments: str, objects: Sequence[Object] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command; `objects` are its standard input."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}, default=str)
        command = [self._program, f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603

    def of(self, user: str) -> Kubectl:
        """Return the same as another of the `USERS` of a server that was started here."""
        other = Kubectl(self.kubeconfig.with_name(f"kubeconfig-{user.replace(':', '-')}"))
        other.audit = self.audit
        return other

    def minor(self) -> int:
        """Return the minor version of the server, 0 when it does not tell."""
        told = json.loads(self.run("get", "--raw", "/version").stdout or "{}").get("minor", "")
        return int(told.rstrip("+")) if told.rstrip("+").isdigit() else 0

    def served(self) -> dict[tuple[str, str], set[str]]:
        """Return the versions in which each kind of each group is served."""
        found: dict[tuple[str, str], set[str]] = {}
        versions = self.run("api-versions")
        for api_version in versions.stdout.split():
            group = api_version.rpartition("/")[0]
            path = f"/apis/{api_version}" if group else f"/api/{api_version}"
            listing = self.run("get", "--raw", path)
            for resource in json.loads(listing.stdout or "{}").get("resources", ()):
                if "/" not in resource["name"]:
                    found.setdefault((group, resource["kind"]), set()).add(api_version)
        if not found:
            raise Unreachable(f"the server tells no API: {versions.stderr.strip()}")
        return found


@contextmanager
def started(apiserver: Path, etcd: Path, controllers: Path | None) -> Iterator[Kubectl]:
    """Start a server on the loopback address with an empty store, and end it afterwards.

    It asks RBAC who may do what, and keeps an audit log of what is written.

    Args:
        apiserver: the program kube-apiserver.
        etcd: the program etcd.
        controllers: the program kube-controller-manager; None: nothing reacts to what is written.

    Raises:
        Unreachable: the server does not get ready.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store, peer, port = (_free_port() for _ in range(3))
        key, kubeconfig = folder / "accounts.key", folder / "kubeconfig"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)  # noqa: S603, S607
        rows = [f"{_TOKEN}-{name},{name},{name},system:masters\n" for name in USERS]
        (folder / "tokens.csv").write_text("".join(rows))
        (folder / "policy.json").write_text(json.dumps(_AUDIT_POLICY))
        urls = f"http://127.0.0.1:{store}"
        flags = ["--data-dir", str(folder / "store"), "--listen-client-urls", urls, "--advertise-client-urls", urls]
        flags += ["--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync"]
        _begin(stack, folder / "etcd.log", [str(etcd), *flags])
        _begin(stack, folder / "apiserver.log", [str(apiserver), *_server_flags(folder, urls, port, key)])
        for name in USERS:
            one = kubeconfig if name == USERS[0] else folder / f"kubeconfig-{name.replace(':', '-')}"
            one.write_text(json.dumps(_kubeconfig(f"https://127.0.0.1:{port}", f"{_TOKEN}-{name}")))
        client = Kubectl(kubeconfig)
        _wait(client, folder)
        if controllers is not None:
            own = client.of("system:kube-controller-manager").kubeconfig
            flags = [f"--kubeconfig={own}", f"--service-account-private-key-file={key}", "--leader-elect=false"]
            flags += [f"--root-ca-file={folder}/certs/apiserver.crt", f"--cert-dir={folder}/controllers"]
            flags += ["--bind-address=127.0.0.1", f"--secure-port={_free_port()}"]
            flags += ["--port=0"] if client.minor() < _NO_PLAIN_PORT else []
            _begin(stack, folder / "controllers.log", [str(controllers), *flags])
        yield client


def _server_flags(folder: Path, store: str, port: int, key: Path) -> list[str]:
    return [
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}/certs",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC",
        f"--audit-log-path={folder}/audit.jsonl",
        f"--audit-policy-file={folder}/policy.json",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={key}",
        f"--service-account-key-file={key}",
        "--max-requests-inflight=0",
        "--enable-priority-and-fairness=false",
    ]


def _kubeconfig(server: str, token: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "evaluation",
        "clusters": [{"name": "evaluation", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "evaluation", "context": {"cluster": "evaluation", "user": "user"}}],
    }


def _begin(stack: ExitStack, log: Path, command: list[str]) -> None:
    output = stack.enter_context(log.open("wb"))
    process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)  # noqa: S603

    def end() -> None:
        if process.poll() is not None:
            lines = log.read_text(errors="replace").splitlines()
            first = next((n for n, line in enumerate(lines) if line.startswith(("panic:", "fatal error:"))), -20)
            print(f"{command[0]} ended by itself:", *lines[first:][:20], sep="\n", file=sys.stderr)
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(end)


def _wait(client: Kubectl, folder: Path) -> None:
    begun = time.monotonic()
    while client.run("get", "--raw", "/readyz").returncode != 0:
        if time.monotonic() - begun > _START_S:
            last = (folder / "apiserver.log").read_text(errors="replace").splitlines()[-5:]
            raise Unreachable(f"the API server is not ready after {_START_S:.0f} s; its last words: {last}")
        time.sleep(1)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
