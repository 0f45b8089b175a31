"""A kubeconfig file to what it takes to call its API server: address, trust and credentials. Makes no call.

Format: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/. The file belongs to the operator, so an `exec`
credential plug-in in it is run, as `kubectl` does.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from graph.document import Json, Object
from graph.errors import Refused, Unexpected, Unreachable

_PLUGIN_TIMEOUT_S: Final = 30.0
_EXEC_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{v}" for v in ("v1", "v1beta1", "v1alpha1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How to reach one API server as one user."""

    server: str
    """URL"""
    user: str
    """Name in the kubeconfig, for messages."""
    context: str
    namespace: str
    """Namespace that `kubectl` would use in this context."""
    tls: ssl.SSLContext
    server_name: str | None
    """Host name to verify in the certificate, where it is not the one of the URL."""
    headers: dict[str, str]
    """Holds credentials; never to be logged."""
    proxy: str | None = None


def load_kubeconfig(path: Path, context: str | None = None) -> ClusterAccess:
    """Read the access that a context of a kubeconfig gives; None stands for its current context.

    Raises:
        Unreachable: there is no such file.
        Unexpected: it can't be read, or has no such context, cluster or user.
        Refused: its credential plug-in failed.
    """
    try:
        config = yaml.safe_load(path.expanduser().read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Unreachable(
            f"no kubeconfig at {str(path)!r}: check the path, or write one with your provider's CLI"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise Unexpected(f"kubeconfig {str(path)!r} can't be read: {reason}") from error
    if not isinstance(config, dict):
        raise Unexpected(f"kubeconfig {str(path)!r} is no mapping: check the path")
    return _Reader(config, path.expanduser()).access(context)


class _Reader:
    """Resolves names, files and credentials of one kubeconfig."""

    def __init__(self, config: Object, path: Path) -> None:
        self._config = config
        self._path = path

    def access(self, context: str | None) -> ClusterAccess:
        name = context or self._config.get("current-context")
        if not isinstance(name, str) or not name:
            raise Unexpected(f"kubeconfig {str(self._path)!r} has no current context: name one")
        chosen = self._named("contexts", "context", name)
        cluster = self._named("clusters", "cluster", chosen.get("cluster"))
        user_name = chosen.get("user")
        user = self._named("users", "user", user_name) if user_name else {}
        server = cluster.get("server")
        if not isinstance(server, str) or not server.startswith(("http://", "https://")):
            raise Unexpected(f"cluster {chosen.get('cluster')!r} in kubeconfig {str(self._path)!r} has no server URL")
        headers, certificate = self._credentials(user)
        tls = self._trust(cluster)
        self._identify(tls, certificate or self._certificate(user))
        return ClusterAccess(
            server=server.rstrip("/"),
            user=str(user_name or "anonymous"),
            context=name,
            namespace=_text(chosen.get("namespace")) or "default",
            tls=tls,
            server_name=_text(cluster.get("tls-server-name")) or None,
            headers=headers,
            proxy=_text(cluster.get("proxy-url")) or None,
        )

    def _named(self, section: str, key: str, name: Json) -> Object:
        entries = self._config.get(section)
        entries = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
        for entry in entries:
            if entry.get("name") == name and isinstance(entry.get(key), dict):
                return dict(entry[key])
        known = ", ".join(sorted(str(e.get("name")) for e in entries)) or "none"
        raise Unexpected(f"kubeconfig {str(self._path)!r} has no {key} {name!r}; it has: {known}")

    def _trust(self, cluster: Object) -> ssl.SSLContext:
        authority = self._bytes(cluster, "certificate-authority")
        try:
            context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise Unexpected(f"the certificate authority in kubeconfig {str(self._path)!r} is no PEM") from error
        if cluster.get("insecure-skip-tls-verify") is True:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _certificate(self, user: Object) -> tuple[bytes, bytes] | None:
        certificate, key = self._bytes(user, "client-certificate"), self._bytes(user, "client-key")
        return (certificate, key) if certificate and key else None

    def _identify(self, context: ssl.SSLContext, pair: tuple[bytes, bytes] | None) -> None:
        if pair is None:
            return
        # The ssl module loads keys from files only.
        with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
            names = [Path(folder) / "certificate", Path(folder) / "key"]
            for name, content in zip(names, pair, strict=True):
                name.touch(mode=0o600)
                name.write_bytes(content)
            try:
                context.load_cert_chain(str(names[0]), str(names[1]))
            except ssl.SSLError as error:
                raise Unexpected(f"client certificate and key in kubeconfig {str(self._path)!r} don't fit") from error

    def _credentials(self, user: Object) -> tuple[dict[str, str], tuple[bytes, bytes] | None]:
        """Return headers, and a client certificate where a plug-in gave one. A token file wins, as in `kubectl`."""
        token = _text(user.get("token"))
        if user.get("tokenFile"):
            token = self._file(user["tokenFile"]).decode("utf-8", "replace").strip()
        if token:
            return {"Authorization": f"Bearer {token}"}, None
        if isinstance(user.get("exec"), dict):
            return self._plugin(user["exec"])
        if user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}".encode()
            return {"Authorization": "Basic " + base64.b64encode(pair).decode()}, None
        if user.get("auth-provider"):
            raise Unexpected(f"kubeconfig {str(self._path)!r} uses auth-provider, which Kubernetes removed: use exec")
        return {}, None

    def _plugin(self, plugin: Object) -> tuple[dict[str, str], tuple[bytes, bytes] | None]:
        command, version = plugin.get("command"), plugin.get("apiVersion")
        if not isinstance(command, str) or version not in _EXEC_VERSIONS:
            raise Unexpected(
                f"exec in kubeconfig {str(self._path)!r} has no command or the unknown apiVersion {version!r}"
            )
        if "/" in command and not os.path.isabs(command):
            command = str(self._path.parent / command)
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        pairs = [e for e in plugin.get("env") or () if isinstance(e, dict)]
        env = {**os.environ, **{str(e.get("name")): str(e.get("value")) for e in pairs}}
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own configuration, a list of arguments, no shell
                [command, *(str(a) for a in plugin.get("args") or ())],
                env={**env, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_PLUGIN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Refused(f"credential plug-in {command!r} gave nothing within {_PLUGIN_TIMEOUT_S:.0f} s") from error
        except OSError as error:
            hint = _text(plugin.get("installHint")).partition("\n")[0] or "install it"
            raise Refused(f"credential plug-in {command!r} can't be started ({error.strerror}): {hint}") from error
        if done.returncode != 0:
            reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
            raise Refused(f"credential plug-in {command!r} failed: {reason or f'exit code {done.returncode}'}")
        return self._plugin_answer(command, done.stdout)

    def _plugin_answer(self, command: str, output: bytes) -> tuple[dict[str, str], tuple[bytes, bytes] | None]:
        try:
            status = json.loads(output)["status"]
            token = _text(status.get("token"))
            certificate, key = _text(status.get("clientCertificateData")), _text(status.get("clientKeyData"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(f"credential plug-in {command!r} printed no ExecCredential: run it by hand") from error
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return headers, (certificate.encode(), key.encode()) if certificate and key else None

    def _bytes(self, section: Object, key: str) -> bytes:
        """Return what `KEY-data` holds in base64, else the content of the file that `KEY` names, else nothing."""
        data = section.get(f"{key}-data")
        if data:
            try:
                return base64.b64decode(str(data), validate=True)
            except (binascii.Error, ValueError) as error:
                raise Unexpected(f"{key}-data in kubeconfig {str(self._path)!r} is no base64") from error
        return self._file(section[key]) if section.get(key) else b""

    def _file(self, name: Json) -> bytes:
        path = self._path.parent / str(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise Unexpected(f"{str(path)!r}, named in kubeconfig {str(self._path)!r}: {error.strerror}") from error


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
