"""Routes of gateways, in every form in which they are declared, against the Services that there are."""

from __future__ import annotations

from typing import Any

import pytest

from graph.document import Object
from graph.evidence import ObservationKind, SymptomEvent
from graph.telemetry import Call, Telemetry
from tests.graph.builders import k8s, manifest, service, workload
from tests.graph.diagnosis.mechanisms.scenes import NOW, found, line, pod

EDGE = k8s("Deployment", "edge")


def estate(*more: Object, **edge: Any) -> list[Object]:
    objects: list[Object] = [workload("edge", replicas=1, ready=1, **edge), pod("edge")]
    for name in ("order-service", "payment-service", "user-service"):
        objects += [workload(name, replicas=1, ready=1), pod(name), service(name)]
    return [*objects, *more]


def spring(uri: str, path: str) -> dict[str, str]:
    return {"SPRING_CLOUD_GATEWAY_ROUTES_0_URI": uri, "SPRING_CLOUD_GATEWAY_ROUTES_0_PREDICATES_0": f"Path={path}"}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        pytest.param("lb://payment-service", "/api/v1/orderservice/**", id="another backend than the path's"),
        pytest.param("lb://order-svc", "/api/v1/orderservice/**", id="no such backend"),
        pytest.param("http://order-service:81", "/api/v1/orderservice/**", id="no such port"),
    ],
)
def test_a_route_in_the_environment_that_leads_elsewhere(uri: str, path: str) -> None:
    """Spring takes routes from its environment."""
    assert found(estate(env=spring(uri, path))).get("route_mismatch") == EDGE


def test_routes_that_lead_where_their_paths_say_are_right() -> None:
    """Names of paths and of backends are spelt in different ways."""
    env = {
        "SPRING_CLOUD_GATEWAY_ROUTES_0_URI": "lb://order-service",
        "SPRING_CLOUD_GATEWAY_ROUTES_0_PREDICATES_0": "Path=/api/v1/orderservice/**",
        "SPRING_CLOUD_GATEWAY_ROUTES_1_URI": "http://user-service:80",
        "SPRING_CLOUD_GATEWAY_ROUTES_1_PREDICATES_0": "Path=/users/**",
    }
    assert "route_mismatch" not in found(estate(env=env))


APPLICATION = """
spring:
  cloud:
    gateway:
      routes:
        - id: orders
          uri: lb://{}
          predicates:
            - Path=/api/v1/orderservice/**
        - id: users
          uri: lb://user-service
          predicates:
            - Path=/api/v1/userservice/**
"""
NGINX = "location /api/v1/orderservice {{\n  proxy_pass http://{}:80;\n}}\nlocation / {{\n  root /usr/share;\n}}\n"


@pytest.mark.parametrize("text", [APPLICATION, NGINX], ids=["application.yml", "nginx.conf"])
def test_routes_in_a_mounted_file_are_read(text: str) -> None:
    """The ConfigMap is what has to be changed."""
    volume = {"volumes": [{"name": "c", "configMap": {"name": "edge-config"}}]}
    for backend, expected in (("order-service", None), ("payment-service", EDGE)):
        config = manifest("ConfigMap", "edge-config", data={"file": text.format(backend)})
        assert found(estate(config, pod=volume)).get("route_mismatch") == expected


def test_an_ingress_that_names_no_service_or_the_wrong_one() -> None:
    """The backend of a path is a Service with that port."""

    def ingress(name: str, number: int) -> Object:
        backend = {"service": {"name": name, "port": {"number": number}}}
        paths = [{"path": "/orders", "pathType": "Prefix", "backend": backend}]
        return manifest("Ingress", "front", spec={"rules": [{"http": {"paths": paths}}]})

    for name, number in (("order-svc", 80), ("order-service", 81)):
        assert found(estate(ingress(name, number)))["route_mismatch"] == k8s("Ingress", "front")
    assert "route_mismatch" not in found(estate(ingress("order-service", 80)))


@pytest.mark.parametrize(
    "text",
    [
        'Resolved [NotFoundException: 503 SERVICE_UNAVAILABLE "Unable to find instance for oder-service"]',
        'host not found in upstream "oder-service" in /etc/nginx/conf.d/default.conf:7',
        "No servers available for service: oder-service",
    ],
)
def test_a_gateway_that_looks_for_what_nothing_is_called(text: str) -> None:
    """Its routes can't be read, but it tells what it looks for."""
    assert found(estate(), [line(EDGE, text)])["route_mismatch"] == EDGE


def test_requests_that_get_lost_on_the_way_to_a_service_that_is_well() -> None:
    """Not found, from a path whose service works: what stands in front of it sends them elsewhere."""
    callees = ("order-service", "payment-service", "user-service")
    calls = tuple(Call(caller=EDGE, callee=k8s("Deployment", c)) for c in callees)
    uid = k8s("Deployment", "order-service")
    text = "POST /api/v1/orderservice/order: HTTPError('404 Client Error: Not Found for url')"
    back = SymptomEvent(kind=ObservationKind.EVENT, resource=uid, at=NOW, text=text, reason="ClientError")
    assert found(estate(), [back], telemetry=Telemetry(calls=calls))["route_mismatch"] == EDGE
    failed = SymptomEvent(kind=ObservationKind.EVENT, resource=uid, at=NOW, text="500 Error", reason="ClientError")
    assert "route_mismatch" not in found(estate(), [failed], telemetry=Telemetry(calls=calls))


def test_an_upstream_of_nginx_that_is_none() -> None:
    """Servers of an upstream block are backends, too."""
    volume = {"volumes": [{"name": "c", "configMap": {"name": "edge-config"}}]}
    for port, expected in ((80, None), (81, EDGE)):
        text = (
            f"upstream orders {{\n  server order-service:{port};\n}}\nlocation / {{\n  proxy_pass http://orders;\n}}\n"
        )
        config = manifest(
            "ConfigMap", "edge-config", data={"default.conf": text.replace("proxy_pass http://orders", "x")}
        )
        config["data"]["default.conf"] += "# proxy_pass\n"
        assert found(estate(config, pod=volume)).get("route_mismatch") == expected


def test_a_virtual_service_that_sends_a_hosts_requests_to_another() -> None:
    """Inside a mesh a host is a Service."""

    def virtual(host: str) -> Object:
        route = {"route": [{"destination": {"host": host}}]}
        return manifest("VirtualService", "orders", spec={"hosts": ["order-service"], "http": [route]})

    assert found(estate(virtual("payment-service")))["route_mismatch"] == k8s("VirtualService", "orders")
    assert "route_mismatch" not in found(estate(virtual("order-service.shop.svc.cluster.local")))
    assert found(estate(), declared=[virtual("payment-service")])["route_mismatch"] == k8s("VirtualService", "orders")
