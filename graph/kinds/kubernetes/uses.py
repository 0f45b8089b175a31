"""What a workload's pod template uses by name: ConfigMaps, Secrets, claims, its ServiceAccount."""

from __future__ import annotations

from collections.abc import Iterator

from graph.document import Json, Object, pointer
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text
from graph.relation import Relation, RelationType

_VARIABLE_SOURCES = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
_BULK_SOURCES = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))


def uses(workload: Workload) -> Iterator[Relation]:
    """Yield a relation for each use; `detail` is the key where one is named, empty when all keys are meant."""
    for where, index, container in workload.containers():
        yield from _variables(workload, container, (where, index))
    for index, volume in entries(workload.spec, "volumes"):
        yield from _volume(workload, volume, ("volumes", index))
    for index, secret in entries(workload.spec, "imagePullSecrets"):
        # The kubelet starts a pod without its pull secrets and fails only if the image can't be pulled anonymously.
        path = workload.path("imagePullSecrets", index, "name")
        yield from _use(workload, RelationType.READS, "Secret", secret.get("name"), path, optional=True)
    for field in ("serviceAccountName", "serviceAccount"):
        if text(workload.spec, field):
            path = workload.path(field)
            yield from _use(workload, RelationType.RUNS_AS, "ServiceAccount", workload.spec[field], path)
            break


def _variables(workload: Workload, container: Object, at: tuple[str | int, ...]) -> Iterator[Relation]:
    for index, variable in entries(container, "env"):
        for field, kind in _VARIABLE_SOURCES:
            reference = mapping(variable, "valueFrom", field)
            if reference:
                yield from _use(
                    workload,
                    RelationType.READS,
                    kind,
                    reference.get("name"),
                    workload.path(*at, "env", index, "valueFrom", field),
                    detail=text(reference, "key"),
                    optional=reference.get("optional") is True,
                )
    for index, source in entries(container, "envFrom"):
        for field, kind in _BULK_SOURCES:
            reference = mapping(source, field)
            if reference:
                path = workload.path(*at, "envFrom", index, field)
                optional = reference.get("optional") is True
                yield from _use(workload, RelationType.READS, kind, reference.get("name"), path, optional=optional)


def _volume(workload: Workload, volume: Object, at: tuple[str | int, ...]) -> Iterator[Relation]:
    config_map, secret = mapping(volume, "configMap"), mapping(volume, "secret")
    path = workload.path(*at)
    if config_map:
        yield from _mounted(workload, "ConfigMap", config_map.get("name"), config_map, path + "/configMap")
    if secret:
        yield from _mounted(workload, "Secret", secret.get("secretName"), secret, path + "/secret")
    for index, source in entries(volume, "projected", "sources"):
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            reference = mapping(source, field)
            if reference:
                way = path + pointer("projected", "sources", index, field)
                yield from _mounted(workload, kind, reference.get("name"), reference, way)
    claim = mapping(volume, "persistentVolumeClaim").get("claimName")
    way = path + pointer("persistentVolumeClaim", "claimName")
    yield from _use(workload, RelationType.MOUNTS, "PersistentVolumeClaim", claim, way)


def _mounted(workload: Workload, kind: str, name: Json, reference: Object, path: str) -> Iterator[Relation]:
    optional = reference.get("optional") is True
    keys = [(path + pointer("items", i), text(item, "key")) for i, item in entries(reference, "items")]
    for way, key in keys or [(path, "")]:
        yield from _use(workload, RelationType.MOUNTS, kind, name, way, detail=key, optional=optional)


def _use(
    workload: Workload,
    relation: RelationType,
    kind: str,
    name: Json,
    path: str,
    *,
    detail: str = "",
    optional: bool = False,
) -> Iterator[Relation]:
    if isinstance(name, str) and name:
        target = uid_near(workload.document, kind=kind, name=name)
        yield Relation(source=workload.uid, target=target, type=relation, via=path, detail=detail, optional=optional)
