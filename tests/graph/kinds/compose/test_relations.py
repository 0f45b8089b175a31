"""How services of a Compose project hang together."""

from __future__ import annotations

from graph.relation import RelationType
from graph.relations import derive
from tests.graph.kinds.compose.test_compare import declared

SERVICES = {
    "web": {
        "image": "web",
        "environment": {"API_URL": "http://api_v1:8080/x", "CACHE_HOST": "redis.internal", "WORD": "db"},
        "depends_on": {
            "api_v1": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        },
        "links": ["mail:smtp"],
        "networks": ["front"],
    },
    "api_v1": {
        "image": "api",
        "command": ["--db=postgres://u:pw@db:5432/x", "--queue", "queue:5672"],
        "volumes": ["data:/data", "./x:/x"],
        "secrets": ["pw"],
        "configs": [{"source": "conf", "target": "/etc/conf"}],
    },
    "migrate": {"image": "api", "network_mode": "service:api_v1"},
    "redis": {"image": "redis", "networks": {"default": {"aliases": ["redis.internal"]}}},
    "db": {"image": "postgres"},
    "queue": {"image": "rabbit"},
    "mail": {"image": "mail"},
}


def edges(type_: RelationType) -> set[tuple[str, str, str]]:
    found = derive(declared(SERVICES, volumes={"data": {}}, secrets={"pw": {}}, configs={"conf": {}}))
    short = "compose://shop/"
    return {
        (r.source.removeprefix(f"{short}service/"), r.target.removeprefix(short), r.detail)
        for r in found
        if r.type is type_
    }


def test_calls_by_address_link_and_dependency() -> None:
    """Addresses in variables and arguments, links and start order name what a service calls; a bare word does not."""
    assert edges(RelationType.CALLS) == {
        ("web", "service/api_v1", "8080"),
        ("web", "service/api_v1", "service_healthy"),
        ("web", "service/redis", ""),
        ("web", "service/mail", ""),
        ("api_v1", "service/db", "5432"),
        ("api_v1", "service/queue", "5672"),
    }


def test_what_a_service_mounts() -> None:
    """Named volumes, secrets and configs are mounted; a folder of the host is no resource of the project."""
    assert edges(RelationType.MOUNTS) == {
        ("api_v1", "volume/data", "/data"),
        ("api_v1", "secret/pw", ""),
        ("api_v1", "config/conf", "/etc/conf"),
    }


def test_references_to_networks_and_finished_work() -> None:
    """A service refers to its networks, to work that ends before it starts, and to the network of another service."""
    found = edges(RelationType.REFERENCES)
    assert ("web", "network/front", "") in found
    assert ("api_v1", "network/default", "") in found
    assert ("web", "service/migrate", "service_completed_successfully") in found
    assert ("migrate", "service/api_v1", "") in found
