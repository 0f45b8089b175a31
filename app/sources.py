"""From the settings of an environment to the adapters that read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from app.environments import Sources
from app.monitoring import build_monitoring
from app.settings import (
    AwsSettings,
    ChangeLogSource,
    ChartSettings,
    ComposeSettings,
    EnvironmentSettings,
    EstateSource,
    KubernetesSource,
    ManifestsSource,
    StateSettings,
)
from graph.resource import Facet
from tools.adapters.chart import ChartRelease
from tools.adapters.cloudtrail import CloudTrail
from tools.adapters.code_history import CodeHistory
from tools.adapters.compose_files import ComposeRun
from tools.adapters.deployments import Deployments
from tools.adapters.file_estate import FileEstate
from tools.adapters.git_history import GitHistory
from tools.adapters.kubernetes_api import KubernetesApi
from tools.adapters.kubernetes_audit import KubernetesAudit
from tools.adapters.manifests import ManifestSource
from tools.ports import ChangeSource, StateSource, SymptomSource


def build_sources(settings: EnvironmentSettings, *, salt: bytes, clock: Callable[[], datetime]) -> Sources:
    """Build the adapters of one environment; nothing is read yet.

    Args:
        settings: where to read.
        salt: key under which values of Secrets are hashed.
        clock: gives the present, UTC.
    """
    build = _Build(settings, salt, clock)
    states = tuple(build.states())
    changes = tuple(build.change_log(s) for s in settings.changes)
    return Sources(
        environment=settings.name,
        deployers=settings.deployers,
        also_called=settings.also_called,
        ignore=tuple(one.rule() for one in settings.ignore),
        states=states,
        changes=changes,
        symptoms=(*(s for s in states if isinstance(s, KubernetesApi | FileEstate)), *build.announced),
        monitoring=build_monitoring(settings),
        watched=tuple(s for s in states if isinstance(s, KubernetesApi)),
        followed=tuple(s for s in changes if isinstance(s, KubernetesAudit | CloudTrail | Deployments)),
    )


def _release(chart: ChartSettings) -> ChartRelease:
    return ChartRelease(chart=chart.chart, name=chart.release, namespace=chart.namespace, values=chart.values)


def _run(project: ComposeSettings) -> ComposeRun:
    return ComposeRun(files=project.files, name=project.project, profiles=project.profiles)


class _Build:
    def __init__(self, settings: EnvironmentSettings, salt: bytes, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._cluster = settings.cluster or settings.name
        self._stack = settings.stack or settings.name
        self._salt = salt
        self._clock = clock
        self.announced: list[SymptomSource] = []
        """What providers say of the resources that the states show."""

    def states(self) -> Iterator[StateSource]:
        for facet in Facet:
            for source in getattr(self._settings, facet.value):
                yield self._state(source, facet)

    def _state(self, source: StateSettings, facet: Facet) -> StateSource:
        match source:
            case ManifestsSource():
                return ManifestSource(
                    source.name or f"files:{source.path.name}",
                    source.path,
                    ref=source.ref,
                    charts=tuple(_release(c) for c in source.charts),
                    compose=tuple(_run(c) for c in source.compose),
                    facet=facet,
                    cluster=self._cluster,
                    stack=self._stack,
                    salt=self._salt,
                    clock=self._clock,
                )
            case KubernetesSource():
                return KubernetesApi(
                    source.name or f"cluster:{self._cluster}",
                    kubeconfig=source.kubeconfig,
                    context=source.context,
                    namespaces=source.namespaces,
                    cluster=self._cluster,
                    salt=self._salt,
                )
            case EstateSource():
                return FileEstate(
                    source.name or f"estate:{self._cluster}",
                    source.path,
                    cluster=self._cluster,
                    stack=self._stack,
                    salt=self._salt,
                    clock=self._clock,
                )
            case AwsSettings():
                return self._aws(source)

    def _aws(self, settings: AwsSettings) -> StateSource:
        # Imported here because boto3 comes with an extra, and takes long to load.
        from app.aws import access_of
        from tools.adapters.aws.rds_events import RdsEvents
        from tools.adapters.aws.source import AwsSource

        declared = self._settings.applied or self._settings.intended
        facet = Facet.APPLIED if self._settings.applied else Facet.INTENDED
        source = AwsSource(
            settings.name or f"aws:{self._settings.name}",
            access_of(settings),
            declared=[self._state(s, facet) for s in declared if isinstance(s, ManifestsSource)],
            stack=self._stack,
            salt=self._salt,
            clock=self._clock,
        )
        name = f"{source.name} database events"
        self.announced.append(RdsEvents(name, source.session, lambda: source.found, clock=self._clock))
        return source

    def _charts_of(self, path: Path) -> tuple[ChartSettings, ...]:
        """The releases that are declared from the same folder: else its history would tell of other objects."""
        declared = [s for s in self._settings.intended if isinstance(s, ManifestsSource) and s.path == path]
        return next((s.charts for s in declared if s.charts), ())

    def change_log(self, source: ChangeLogSource) -> ChangeSource:
        name = source.name or f"{source.type}:{source.path.stem}"
        deployers = self._settings.deployers
        match source.type:
            case "git":
                return GitHistory(
                    name,
                    source.path,
                    ref=source.ref or "HEAD",
                    charts=tuple(_release(c) for c in source.charts or self._charts_of(source.path)),
                    cluster=self._cluster,
                    stack=self._stack,
                    deployers=deployers,
                    salt=self._salt,
                    clock=self._clock,
                )
            case "code":
                return CodeHistory(name, source.path, ref=source.ref or "HEAD", deployers=deployers)
            case "kubernetes_audit":
                return KubernetesAudit(name, source.path, cluster=self._cluster, deployers=deployers, salt=self._salt)
            case "cloudtrail":
                return CloudTrail(name, source.path, deployers=deployers, salt=self._salt)
            case "deployments":
                return Deployments(
                    name, source.path, environment=self._settings.name, called=self._settings.also_called
                )
