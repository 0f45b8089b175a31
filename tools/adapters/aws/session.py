"""Who asks AWS, and the clients with which it is done: one for each service and region, made once."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import boto3
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

from tools.adapters.aws.calls import READ_CONFIG

_SESSION_NAME: Final = "plumbline-read"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccess:
    """Which account, and as whom."""

    regions: tuple[str, ...]
    """At least one; the first one is asked for what belongs to no region."""
    profile: str | None = None
    """Profile of the shared configuration; the default chain of credentials when absent."""
    role_arn: str | None = None
    """Role to assume; it needs read permissions only, such as those of `ReadOnlyAccess`."""
    external_id: str | None = None
    endpoint_url: str | None = None
    """Address of an emulator or a proxy, for all services; the real ones when absent."""


class AwsSession:
    """Clients for one account. They may be used by several threads."""

    def __init__(self, access: AwsAccess, *, config: Any = READ_CONFIG) -> None:
        """Remember where to ask; nothing is opened yet.

        Args:
            access: which account, and as whom.
            config: `botocore.config.Config` with limits of time and attempts.
        """
        self.access = access
        self._config = config
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = Lock()

    def client(self, service: str, region: str) -> Any:
        """Return a client. Clients may be shared between threads, but not made by several at a time.

        Raises:
            BotoCoreError: the profile does not exist, or there are no credentials.
        """
        with self._lock:
            if self._session is None:
                self._session = _open(self.access)
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service, region_name=region, endpoint_url=self.access.endpoint_url, config=self._config
                )
            return self._clients[service, region]


def _open(access: AwsAccess) -> Any:
    """Return a session; the credentials of an assumed role are renewed by themselves."""
    session = boto3.Session(profile_name=access.profile, region_name=access.regions[0])
    if access.role_arn is None:
        return session
    extra = {"RoleSessionName": _SESSION_NAME, **({"ExternalId": access.external_id} if access.external_id else {})}
    core = session._session
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=lambda service, **more: core.create_client(
            service, **{"region_name": access.regions[0], "endpoint_url": access.endpoint_url, **more}
        ),
        source_credentials=core.get_credentials(),
        role_arn=access.role_arn,
        extra_args=extra,
    )
    assumed = boto3.Session(profile_name=access.profile, region_name=access.regions[0])
    assumed._session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return assumed
