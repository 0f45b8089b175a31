"""From the settings of an environment to the stores that its monitoring is read from."""

from __future__ import annotations

from collections.abc import Iterator

from app.settings import CloudWatchSource, EnvironmentSettings, MonitoringFiles, MonitoringServer
from tools.adapters.http_json import HttpJson
from tools.adapters.jaeger import Jaeger
from tools.adapters.loki import Loki
from tools.adapters.prometheus import Prometheus
from tools.adapters.telemetry_files import LogFiles, MetricFiles, TraceFiles
from tools.adapters.tempo import Tempo
from tools.ports import LogStore, MetricStore, Monitoring, TraceStore


def build_monitoring(settings: EnvironmentSettings) -> Monitoring:
    """Build the stores of one environment; nothing is asked yet."""
    return Monitoring(metrics=tuple(_metrics(settings)), logs=tuple(_logs(settings)), traces=tuple(_traces(settings)))


def _metrics(settings: EnvironmentSettings) -> Iterator[MetricStore]:
    for source in settings.metrics:
        if isinstance(source, MonitoringFiles):
            yield MetricFiles(_file_name("metrics", source), source.path)
        elif isinstance(source, CloudWatchSource):
            yield from _cloudwatch(source, settings.name)
        else:
            yield Prometheus(*_server(source, source.type, settings.name))


def _cloudwatch(source: CloudWatchSource, environment: str) -> Iterator[MetricStore]:
    # Imported here because boto3 comes with an extra, and takes long to load.
    from app.aws import access_of
    from tools.adapters.aws.cloudwatch import QUICK_CONFIG, CloudWatch
    from tools.adapters.aws.performance_insights import PerformanceInsights
    from tools.adapters.aws.session import AwsSession

    session = AwsSession(access_of(source), config=QUICK_CONFIG)
    name = source.name or f"cloudwatch:{environment}"
    yield CloudWatch(name, session)
    if source.performance_insights:
        yield PerformanceInsights(f"{name} performance insights", session)


def _logs(settings: EnvironmentSettings) -> list[LogStore]:
    return [
        LogFiles(_file_name("logs", s), s.path)
        if isinstance(s, MonitoringFiles)
        else Loki(*_server(s, s.type, settings.name))
        for s in settings.logs
    ]


def _traces(settings: EnvironmentSettings) -> list[TraceStore]:
    stores: list[TraceStore] = []
    for source in settings.traces:
        if isinstance(source, MonitoringFiles):
            stores.append(TraceFiles(_file_name("traces", source), source.path))
        else:
            kind = Jaeger if source.type == "jaeger" else Tempo
            stores.append(kind(*_server(source, source.type, settings.name)))
    return stores


def _server(source: MonitoringServer, kind: str, environment: str) -> tuple[str, HttpJson]:
    name = source.name or f"{kind}:{environment}"
    headers = {key: value.get_secret_value() for key, value in source.headers.items()}
    token = source.token.get_secret_value() if source.token else ""
    return name, HttpJson(name, source.url, token=token, headers=headers, timeout_s=source.timeout_s)


def _file_name(what: str, source: MonitoringFiles) -> str:
    return source.name or f"{what}:{source.path.name}"
