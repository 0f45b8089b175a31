"""Builders of Kubernetes objects and reports for tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import yaml

from graph.document import put
from graph.drift import DriftReport, compare
from graph.kinds.kubernetes.parse import expand, parse
from graph.version import Document

Object = dict[str, Any]

SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      volumes:
      - {name: cache, emptyDir: {}}
      - {name: conf, configMap: {name: web}}
      containers:
      - name: web
        image: nginx
        args: [--port, "8080", --verbose]
        env:
        - {name: A, value: "1"}
        - {name: B, value: "2"}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ports:
        - {containerPort: 8080, name: http}
        - {containerPort: 9090}
        readinessProbe: {httpGet: {port: http}}
        resources: {limits: {cpu: 500m, memory: 1Gi}, requests: {cpu: 100m}}
        volumeMounts: [{name: cache, mountPath: /cache}, {name: conf, mountPath: /conf}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: dns-tcp, port: 53}
  - {name: dns-udp, port: 53, protocol: UDP}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {LOG: info, LEVEL: "1000m"}
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: shop}
stringData: {password: geheim}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, ingress: []}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
"""


def objects(text: str = SHOP) -> list[Object]:
    """Return the objects of a YAML text."""
    return [o for o in yaml.safe_load_all(text) if o]


def read(bodies: Sequence[Object]) -> list[Document]:
    """Parse objects, lists among them."""
    return [parse(o, cluster="c", salt=b"test") for body in bodies for o in expand(copy.deepcopy(body))]


def report(
    intended: Sequence[Object], actual: Sequence[Object], applied: Sequence[Object] | None = None
) -> DriftReport:
    """Compare objects."""
    written = None if applied is None else read(applied)
    return compare(intended=read(intended), applied=written, actual=read(actual))


def found(result: DriftReport) -> list[tuple[str, str]]:
    """Return path and verdict of each finding."""
    return [(f.path, f.verdict.value) for f in result.findings]


def annotated(body: Object, applied: Object) -> Object:
    """Return a copy that carries `applied` in its last-applied annotation."""
    copied = copy.deepcopy(body)
    notes = copied["metadata"].setdefault("annotations", {})
    notes["kubectl.kubernetes.io/last-applied-configuration"] = json.dumps(applied)
    return copied


def managed(body: Object, *managers: tuple[str, Object]) -> Object:
    """Return a copy with managedFields: pairs of manager and fieldsV1."""
    copied = copy.deepcopy(body)
    copied["metadata"]["managedFields"] = [
        {"manager": name, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields}
        for name, fields in managers
    ]
    return copied


def put_in(body: Object, path: str, value: Any) -> Object:
    """Return a copy with another value at a JSON pointer."""
    changed: Object = put(copy.deepcopy(body), path, value)
    return changed
