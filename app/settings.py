"""Settings of the service: the only reader of the process environment and of the configuration file.

Every value can be given as an environment variable (`PLUMBLINE_` and the path of the field, levels joined by two
underscores, e.g. `PLUMBLINE_MODEL__NAME`) or in the YAML file that `PLUMBLINE_CONFIG` names. Variables win.
The write credentials of the executor are not here: see `ExecutorSettings`, which only the executor process loads.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from graph.errors import Invalid
from graph.finding import Verdict
from graph.ignoring import IgnoreRule


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ChartSettings(_Section):
    """One release of a Helm chart."""

    chart: str
    """Folder of the chart, relative to the source's `path`."""
    release: str = ""
    """Name of the release; that of the chart when empty."""
    namespace: str | None = None
    """Where it is installed; `default` when absent."""
    values: tuple[str, ...] = ()
    """Files of values, relative to the source's `path`; the last one wins."""


class ComposeSettings(_Section):
    """One Docker Compose project."""

    files: tuple[str, ...] = Field(min_length=1)
    """Compose files, relative to the source's `path`, in the order of `-f`."""
    project: str = ""
    """Name of the project; when empty the one that its files or its folder give."""
    profiles: frozenset[str] = frozenset()
    """Profiles that are switched on."""


class ManifestsSource(_Section):
    """Files: manifests, kustomizations, Helm charts, Terraform state, plan JSON or HCL, compose files, object dumps;
    plain or in git."""

    type: Literal["manifests"]
    path: Path
    """Directory, file, or git repository."""
    ref: str | None = None
    """Branch, tag or commit to read from git; without it the files on disk are read."""
    charts: tuple[ChartSettings, ...] = ()
    """Releases of Helm charts to render; when empty, each chart that is found, under its name with its own values."""
    compose: tuple[ComposeSettings, ...] = ()
    """Compose projects to read; when empty, the files that `docker compose` finds by itself in each folder."""
    name: str = ""
    """Name shown in answers; made from the path when empty."""


class KubernetesSource(_Section):
    """A live Kubernetes API, read only."""

    type: Literal["kubernetes"]
    kubeconfig: Path
    """Path of a kubeconfig file whose user may only read."""
    context: str | None = None
    """Context in it; the current one when absent."""
    namespaces: tuple[str, ...] = ()
    """Where to look when the user may list neither a kind everywhere nor the namespaces; the context's namespace is
    tried in any case."""
    name: str = ""
    """Name shown in answers; made from the path when empty."""


class EstateSource(_Section):
    """A file-backed cluster and cloud, as the demo uses."""

    type: Literal["estate"]
    path: Path
    """Directory of the estate."""
    name: str = ""
    """Name shown in answers; made from the path when empty."""


class AwsAccount(_Section):
    """An AWS account, read only, and as whom it is asked."""

    regions: tuple[str, ...] = Field(min_length=1)
    """Regions to read; what belongs to no region, such as IAM, is asked for in the first one."""
    profile: str | None = None
    """Profile of the shared AWS configuration; the default chain of credentials when absent."""
    role_arn: str | None = None
    """Role to assume; read permissions are enough, such as those of `ReadOnlyAccess`."""
    external_id: SecretStr | None = None
    """External id that the role asks for."""
    endpoint_url: str | None = None
    """Address of an emulator or a proxy, for all services."""
    name: str = ""
    """Name shown in answers; made from the environment's name when empty."""


class AwsSettings(AwsAccount):
    """A live AWS account, joined with the Terraform state among the applied sources."""

    type: Literal["aws"]


class CloudWatchSource(AwsAccount):
    """Metrics from Amazon CloudWatch, and the load of databases from Performance Insights."""

    type: Literal["cloudwatch"]
    performance_insights: bool = True
    """Whether databases are asked for their load by wait event, too."""


class ChangeLogSource(_Section):
    """A log of changes."""

    type: Literal["git", "code", "kubernetes_audit", "cloudtrail", "deployments"]
    """`git`: commits that change declarations; `code`: commits of application code, with their diffs; the others: a
    file of JSON lines."""
    path: Path
    """Repository or file."""
    ref: str | None = None
    """Of `git` and `code`: branch, tag or commit whose history is read; HEAD when absent."""
    charts: tuple[ChartSettings, ...] = ()
    """Of `git`: releases of Helm charts to render at each commit; when empty, each chart that is found."""
    name: str = ""
    """Name shown in answers; made from the path when empty."""


class MonitoringServer(_Section):
    """A server of the monitoring system, read only."""

    url: str = Field(pattern=r"^https?://")
    """Address of its API, without the API's own path; with the path of a tenant or proxy where there is one."""
    token: SecretStr | None = None
    """Sent as a bearer token."""
    headers: dict[str, SecretStr] = {}
    """Further headers, e.g. `X-Scope-OrgID` for a tenant, or `Authorization` for basic authentication."""
    timeout_s: float = Field(default=8, gt=0, le=60)
    """Seconds for one answer."""
    name: str = ""
    """Name shown in answers; made from type and environment when empty."""


class PrometheusSource(MonitoringServer):
    """Metrics from Prometheus, or from what speaks its API: Thanos, Mimir, VictoriaMetrics."""

    type: Literal["prometheus"]


class LokiSource(MonitoringServer):
    """Log lines from Grafana Loki."""

    type: Literal["loki"]


class TraceServer(MonitoringServer):
    """Traces from a Jaeger query service or from Grafana Tempo."""

    type: Literal["jaeger", "tempo"]


class MonitoringFiles(_Section):
    """Files of JSON lines: exported metrics, log lines, or OTLP traces."""

    type: Literal["files"]
    path: Path
    """File or folder."""
    name: str = ""
    """Name shown in answers; made from the path when empty."""


StateSettings = Annotated[ManifestsSource | KubernetesSource | EstateSource | AwsSettings, Field(discriminator="type")]


class IgnoreSettings(_Section):
    """Which findings of drift somebody answers for leaving as they are, and until when."""

    id: str = Field(min_length=1, max_length=64)
    """Short name."""
    owner: str = Field(min_length=1)
    """Who answers for it."""
    reason: str = Field(min_length=1)
    """Why it may stay as it is."""
    expires: date
    """Last day, in UTC, on which it applies."""
    resource: str = "*"
    """Glob on the display name, such as `shop/Deployment/*`."""
    path: str = ""
    """Glob on the JSON pointer; empty for the whole resource, which must be named then."""
    manager: str = ""
    """Field manager that wrote the value; empty for any."""
    verdicts: frozenset[Verdict] = frozenset()
    """Only these; without any, all but deletions."""

    @model_validator(mode="after")
    def _is_answered_for(self) -> IgnoreSettings:
        try:
            self.rule()
        except Invalid as error:
            raise ValueError(str(error)) from error
        return self

    def rule(self) -> IgnoreRule:
        """Return the rule in the words of the graph."""
        return IgnoreRule(**dict(self))


class EnvironmentSettings(_Section):
    """One governed environment and where its facets are read."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Name of the environment."""
    cluster: str = ""
    """Name of the cluster in resource ids; the environment's name when empty."""
    stack: str = ""
    """Name of the Terraform stack in resource ids; the environment's name when empty."""
    deployers: frozenset[str] = frozenset()
    """Identities that deploy: user names, role names or commit authors. Nobody else's change is a deployment."""
    also_called: frozenset[str] = frozenset()
    """Names by which deploy tools know this environment, e.g. `production`. A run for any other name is none of it."""
    intended: tuple[StateSettings, ...] = ()
    """Sources of declared state."""
    applied: tuple[StateSettings, ...] = ()
    """Sources of what the deployer last wrote, such as a Terraform state."""
    actual: tuple[StateSettings, ...] = ()
    """Sources of what runs."""
    changes: tuple[ChangeLogSource, ...] = ()
    """Sources of changes."""
    ignore: tuple[IgnoreSettings, ...] = ()
    """Findings of drift that somebody answers for leaving as they are, until a day."""
    metrics: tuple[
        Annotated[PrometheusSource | CloudWatchSource | MonitoringFiles, Field(discriminator="type")], ...
    ] = ()
    """Stores of metrics, asked around each alert."""
    logs: tuple[Annotated[LokiSource | MonitoringFiles, Field(discriminator="type")], ...] = ()
    """Stores of log lines, asked around each alert."""
    traces: tuple[Annotated[TraceServer | MonitoringFiles, Field(discriminator="type")], ...] = ()
    """Stores of traces, asked around each alert."""


class WebhookSettings(_Section):
    """Secrets of the alert senders. A sender without a secret has no endpoint."""

    pagerduty_secrets: tuple[SecretStr, ...] = ()
    """Signing secrets of PagerDuty webhook subscriptions; several while one is being rotated."""
    opsgenie_secrets: tuple[SecretStr, ...] = ()
    """Tokens that Opsgenie or JSM Operations sends in a header."""
    alertmanager_secrets: tuple[SecretStr, ...] = ()
    """Bearer tokens or basic-auth passwords that Alertmanager sends."""
    github_secrets: tuple[SecretStr, ...] = ()
    """Secrets with which GitHub signs webhooks; several while one is being rotated."""
    gitlab_secrets: tuple[SecretStr, ...] = ()
    """Secret tokens, or signing secrets, of GitLab webhooks."""
    argocd_secrets: tuple[SecretStr, ...] = ()
    """Bearer tokens that Argo CD notifications send."""
    change_keys: tuple[SecretStr, ...] = ()
    """Routing keys of the PagerDuty-compatible change endpoint."""


class ModelSettings(_Section):
    """An OpenAI-compatible language model. Without a base URL the deeper step is skipped, and the report says so."""

    base_url: str | None = None
    """e.g. `http://localhost:11434/v1`"""
    api_key: SecretStr | None = None
    """Key sent as a bearer token; many local servers take any."""
    name: str = ""
    """Name of the model at that server."""
    timeout_s: float = Field(default=45, gt=0, le=80)
    """Seconds for one request, all retries included in the step's own limit."""
    max_tokens: int = Field(default=1200, gt=0)
    """Most tokens of one answer."""


class ApprovalSettings(_Section):
    """How long approvals live."""

    pending_minutes: int = Field(default=60, gt=0)
    """Minutes until an unanswered proposal expires."""


class _FileSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="PLUMBLINE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the base class names it)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the base class names it)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get(cls.config_variable())
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        return (*sources, YamlConfigSettingsSource(settings_cls, yaml_file=path)) if path else sources

    @classmethod
    def config_variable(cls) -> str:
        """Name of the variable that names the configuration file."""
        return "PLUMBLINE_CONFIG"


class Settings(_FileSettings):
    """What the service and the command line need."""

    data_dir: Path = Path("data")
    """Directory of the database, keys and checkpoints; made when missing."""
    database_url: SecretStr | None = None
    """SQLAlchemy URL such as `postgresql+psycopg://user@host/name`; SQLite in `data_dir` when absent."""
    base_url: str = ""
    """Address under which people reach the service, for links; made from host and port when empty."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8321, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    collect_every_s: float = Field(default=30, gt=0)
    """Seconds between two readings of the sources that are not watched; an alert triggers one at once."""
    workers: int = Field(default=2, ge=1, le=32)
    """Threads that process deliveries and investigate."""
    webhooks: WebhookSettings = WebhookSettings()
    """Secrets of the alert senders."""
    model: ModelSettings = ModelSettings()
    """The language model."""
    approvals: ApprovalSettings = ApprovalSettings()
    """Life time of proposals."""
    environments: tuple[EnvironmentSettings, ...] = ()
    """The governed environments."""

    @field_validator("environments")
    @classmethod
    def _names_are_unique(cls, value: tuple[EnvironmentSettings, ...]) -> tuple[EnvironmentSettings, ...]:
        names = [e.name for e in value]
        if len(set(names)) != len(names):
            raise ValueError("two environments have the same name")
        return value

    @property
    def sqlalchemy_url(self) -> str:
        """URL of the database, with its default filled in."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'plumbline.db').resolve()}"


class EstateTargetSettings(_Section):
    """Write access to a file-backed estate."""

    type: Literal["estate"]
    environment: str
    """Name of the environment."""
    path: Path
    """Directory of the estate."""


class KubernetesTargetSettings(_Section):
    """Write access to a cluster."""

    type: Literal["kubernetes"]
    environment: str
    """Name of the environment."""
    kubeconfig: Path
    """Path of a kubeconfig file whose user may write. Readable by the executor's user only."""
    context: str | None = None
    """Context in it; the current one when absent."""


class ExecutorSettings(_FileSettings):
    """Write credentials, from the file that `PLUMBLINE_EXECUTOR_CONFIG` names. Only the executor process loads them."""

    targets: tuple[Annotated[EstateTargetSettings | KubernetesTargetSettings, Field(discriminator="type")], ...] = ()
    """What the executor may write to."""
    poll_s: float = Field(default=0.5, gt=0)
    """Seconds between two looks for approved actions."""

    @classmethod
    def config_variable(cls) -> str:
        """Name of the variable that names the executor's own file."""
        return "PLUMBLINE_EXECUTOR_CONFIG"


_Loaded = TypeVar("_Loaded", bound=_FileSettings)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; given values win over variables and file.

    Raises:
        Invalid: a value is missing or wrong; the message names each.
    """
    return _load(Settings, overrides)


def load_executor_settings() -> ExecutorSettings:
    """Read the executor's own settings.

    Raises:
        Invalid: a value is missing or wrong; the message names each.
    """
    return _load(ExecutorSettings, {})


def _load(cls: type[_Loaded], overrides: dict[str, object]) -> _Loaded:
    path = os.environ.get(cls.config_variable())
    if path and not Path(path).is_file():
        raise Invalid(f"{cls.config_variable()} names a file that does not exist", where=path)
    if path:
        _check_names(cls, Path(path))
    try:
        return cls(**overrides)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Invalid(f"settings are not valid: {faults}", where=path or "environment variables") from error


def _check_names(cls: type[_FileSettings], path: Path) -> None:
    """Refuse a file with a name that means nothing: a section that is misspelled would be off without a word."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise Invalid(f"the settings can't be read: {' '.join(str(error).split())}", where=str(path)) from error
    if not isinstance(content, dict | None):
        raise Invalid("the settings are no list of names and values", where=str(path))
    # The service and the command line read the same file.
    readers = (cls,) if cls is ExecutorSettings else (Settings, ClientSettings)
    known = {name for reader in readers for name in reader.model_fields}
    if unknown := sorted(map(str, (content or {}).keys() - known)):
        raise Invalid(
            f"there is no setting {', '.join(unknown)}; there are: {', '.join(sorted(known))}", where=str(path)
        )


class ClientSettings(_FileSettings):
    """What the command line needs to talk to a running service."""

    data_dir: Path | None = None
    """Directory of the service on this machine, where `credentials.json` stands; `data` or `.demo` when absent."""
    server: str = ""
    """Address of the service; that of `credentials.json` when empty."""
    token: SecretStr | None = None
    """Access token; that of `credentials.json` when absent."""


def load_client_settings(**overrides: object) -> ClientSettings:
    """Read the settings of the command line.

    Raises:
        Invalid: a value is wrong; the message names each.
    """
    return _load(ClientSettings, {k: v for k, v in overrides.items() if v is not None})
