"""GET requests to a Kubernetes API server: retries, time limits, and its refusals in our words. Can't write."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from graph.document import Object
from graph.errors import NotFound, OutsideError, Refused, Unexpected, Unreachable
from tools.adapters.kubeconfig import ClusterAccess

_TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
_ATTEMPTS: Final = 4
_LONGEST_WAIT_S: Final = 20.0
"""The longest Retry-After that is honoured; a server that wants more counts as not answering."""
_MAX_ANSWER_BYTES: Final = 256 * 2**20


class Gone(OutsideError):
    """A page of a list expired before it was fetched (HTTP 410); the list must be read from its start."""


class Denied(Refused):
    """The user is known but may not do this (HTTP 403)."""


class Busy(Unreachable):
    """The server asks to wait (HTTP 429, 5xx)."""

    def __init__(self, message: str, *, wait_s: float | None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Connection:
    """Reads from one API server."""

    def __init__(
        self,
        access: ClusterAccess,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open nothing yet.

        Args:
            access: where and as whom.
            transport: replaces the network, in tests.
            sleep: waits for some seconds between attempts.
        """
        self._access = access
        self._answers = Answers(access)
        self._client = httpx.Client(
            base_url=access.server,
            headers={**access.headers, "User-Agent": "plumbline"},
            verify=access.tls,
            timeout=_TIMEOUT,
            transport=transport,
            proxy=access.proxy,
            trust_env=access.proxy is None,
            follow_redirects=False,
        )
        self._retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, OutsideError) and e.retryable),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )

    @property
    def user(self) -> str:
        """Name of the user in the kubeconfig, for messages."""
        return self._access.user

    @property
    def namespace(self) -> str:
        """Namespace of the kubeconfig's context."""
        return self._access.namespace

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None, *, accept: str = "application/json") -> Object:
        """Return the JSON object at `path`.

        Raises:
            Denied: the user may not read this.
            Refused: the credentials or the server's certificate don't hold.
            NotFound: there is no such path.
            Gone: a page that has expired.
            Unreachable: no answer, or none but "later", after some attempts.
            Unexpected: an answer that is no JSON object.
        """
        return self._retrying(self._get, path, dict(params or {}), accept)

    def _get(self, path: str, params: dict[str, str], accept: str) -> Object:
        try:
            response = self._client.get(
                path, params=params, headers={"Accept": accept}, extensions=sni_of(self._access)
            )
        except httpx.HTTPError as error:
            raise self._answers.failure(error, path) from error
        self._answers.check(response, path)
        where = self._answers.where
        if len(response.content) > _MAX_ANSWER_BYTES:
            raise Unexpected(f"{where} answered more than {_MAX_ANSWER_BYTES >> 20} MiB to GET {path}")
        try:
            body = response.json()
        except (ValueError, RecursionError) as error:
            raise Unexpected(f"{where} answered no JSON to GET {path}: is it an API server?") from error
        if not isinstance(body, dict):
            raise Unexpected(f"{where} answered no JSON object to GET {path}: is it an API server?")
        return body


class Answers:
    """What the refusals of one API server mean, and what its silence does."""

    def __init__(self, access: ClusterAccess) -> None:
        self.where = f"the API server {access.server} (context {access.context!r})"
        self._user = access.user

    def check(self, response: httpx.Response, path: str) -> None:
        """Do nothing for an answer that holds what was asked for.

        Raises:
            OutsideError, NotFound: any other; see `Connection.get`.
        """
        code = response.status_code
        if code == 200:
            return
        if code == 401:
            raise Refused(
                f"{self.where} does not accept the credentials of user {self._user!r}: renew the token or certificate"
            )
        if code == 403:
            raise Denied(f"user {self._user!r} may not GET {path}: grant `get` and `list` on it to read it")
        if code == 404:
            raise NotFound(f"{self.where} has no {path}")
        if code == 410:
            raise Gone(f"a page of {path} expired")
        if code == 429 or code >= 500:
            raise Busy(f"{self.where} answers {code} to GET {path}", wait_s=_retry_after(response))
        raise Unexpected(f"{self.where} answers {code} to GET {path}")

    def failure(self, error: httpx.HTTPError, path: str) -> OutsideError:
        """Say in our words why there was no answer."""
        if isinstance(error, httpx.TimeoutException):
            return Unreachable(f"{self.where} did not answer in time to GET {path}")
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return Refused(
                    f"the certificate of {self.where} does not verify ({cause.verify_message}): "
                    "check certificate-authority in the kubeconfig"
                )
            if isinstance(cause, ssl.SSLError):
                return Refused(f"no TLS connection to {self.where}: {cause.reason or cause}")
            cause = cause.__cause__ or cause.__context__
        return Unreachable(f"{self.where} can't be reached ({error}): check the address, the network and the VPN")


def sni_of(access: ClusterAccess) -> dict[str, str]:
    """The host name to verify, as httpx wants to be told, where it is not the one of the URL."""
    return {"sni_hostname": access.server_name} if access.server_name else {}


_backoff = wait_random_exponential(multiplier=0.3, max=5)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Busy) and error.wait_s is not None:
        return min(error.wait_s, _LONGEST_WAIT_S)
    return float(_backoff(state))


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else None
