"""Why a call does not arrive: ports, addresses, names, policies."""

from __future__ import annotations

from typing import Any

import pytest

from graph.document import Object
from graph.telemetry import Call, Check, Telemetry
from tests.graph.builders import k8s, manifest, service, workload
from tests.graph.diagnosis.mechanisms.scenes import DOWN, POD, RESTARTED, WEB, event, everything, found, line, node, pod

PORT = {"ports": [{"containerPort": 8080}]}


def serving(name: str, **port: Any) -> list[Object]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080, **port}]}
    return [workload(name, replicas=1, ready=1, container=PORT), pod(name), manifest("Service", name, spec=spec)]


def caller(name: str = "web", **env: str) -> list[Object]:
    return [workload(name, replicas=1, ready=1, env=env), pod(name)]


# Services and ports.


def test_a_service_that_lost_the_port_its_callers_ask_for_is_wrong_and_not_they() -> None:
    """The container serves what the caller asks for; the Service between them does not have it."""
    objects = [*caller(API_ADDR="api:8080"), *serving("api", port=8081)]
    assert found(objects) == {"port_mapping_mismatch": k8s("Service", "api")}


def test_callers_that_agree_on_a_port_are_right() -> None:
    """Two callers make the same mistake less often than one Service does."""
    objects = [*caller("a", API_ADDR="api:7000"), *caller("b", API_URL="http://api:7000/x"), *serving("api")]
    assert found(objects)["port_mapping_mismatch"] == k8s("Service", "api")


def test_a_port_by_name_is_missed_only_where_ports_have_names() -> None:
    """Some readings of a cluster leave the names of ports out."""
    assert found(serving("api", targetPort="http")) == {}
    named = serving("api", targetPort="http")
    named[0] = workload("api", replicas=1, ready=1, container={"ports": [{"containerPort": 8080, "name": "web"}]})
    assert found(named) == {"port_mapping_mismatch": k8s("Service", "api")}


def test_labels_that_a_controller_adds_to_pods_count() -> None:
    """An elected leader carries a label that its template does not."""
    leader = pod("db")
    leader["metadata"]["labels"]["role"] = "leader"
    objects = [
        workload("db", replicas=1, ready=1),
        leader,
        service("db-leader", selector={"app": "db", "role": "leader"}),
    ]
    assert found(objects) == {}


def test_a_proxy_that_accepts_everything_clears_no_port() -> None:
    """A sidecar answers for any port of its pod; an open connection then says nothing."""
    meshed = pod("api")
    meshed["spec"]["containers"].append({"name": "istio-proxy"})
    objects = [serving("api", targetPort=9999)[0], meshed, serving("api", targetPort=9999)[2]]
    check = Check(source="", target=k8s("Service", "api"), port=80, is_open=True)
    mechanism = next(m for m in everything(objects, telemetry=Telemetry(checks=(check,))))
    assert mechanism.kind == "port_mapping_mismatch"
    assert mechanism.strength > 0.5


# Addresses.


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"API_ADDR": "api:8443"}, id="host and port"),
        pytest.param({"API_URL": "http://api.shop.svc.cluster.local:8443/v1"}, id="full name in a URL"),
        pytest.param({"API_HOST": "api", "API_PORT": "8443"}, id="two settings"),
        pytest.param({"SPRING_URL": "jdbc:proxy://api:8443/x"}, id="nested scheme"),
    ],
)
def test_a_caller_that_asks_a_port_that_is_none(env: dict[str, str]) -> None:
    """Whatever the form in which the address is given."""
    assert found([*caller(**env), *serving("api")]).get("address_mismatch") == WEB


def test_a_setting_named_after_one_service_that_holds_anothers_address() -> None:
    """The port fits, so only the names tell."""
    objects = [*caller(CART_SERVICE_ADDR="mailservice:80"), *serving("cartservice"), *serving("mailservice")]
    assert found(objects).get("address_mismatch") == WEB
    right = [*caller(CART_SERVICE_ADDR="cartservice:80"), *serving("cartservice"), *serving("mailservice")]
    assert found(right) == {}


def test_a_name_that_is_none_counts_when_it_is_asked_for() -> None:
    """Settings for parts that nobody installed are common: by themselves they are hardly worth a word."""
    objects = [*caller(ASSISTANT_ADDR="assistant:80"), *serving("api")]
    quiet = everything(objects)
    loud = everything(objects, [line(WEB, "dial tcp: lookup assistant on 10.0.0.10:53: no such host")])
    assert max((m.strength for m in quiet), default=0.0) <= 0.3
    assert [m.strength for m in loud if m.kind == "address_mismatch"] == [1.0]


def test_a_name_that_was_declared_is_right() -> None:
    """What could not be made is not the fault of who asks for it."""
    said = [line(WEB, "dial tcp: lookup api on 10.0.0.10:53: no such host")]
    objects = [*caller(API_ADDR="api:80"), *serving("other")]
    assert "address_mismatch" not in found(objects, said, declared=[service("api")])


# Names.

UNRESOLVED = [
    "dial tcp: lookup api on 10.1.2.3:53: no such host",
    "Caused by: java.net.UnknownHostException: api: Temporary failure in name resolution",
    "Error: getaddrinfo EAI_AGAIN api",
    "socket.gaierror: [Errno -2] Name or service not known",
    "could not translate host name: Name does not resolve",
    "dial tcp: lookup api on 10.1.2.3:53: read udp 10.0.0.1:5->10.1.2.3:53: i/o timeout",
    "DNS resolution failed for api:50051: C-ares status is not ARES_SUCCESS",
]


@pytest.mark.parametrize("text", UNRESOLVED)
def test_a_pod_with_resolvers_of_its_own_is_wrong(text: str) -> None:
    """In the words of Go, Java, Node, Python, libpq and gRPC."""
    own = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.1.2.3"]}}
    assert found([workload("web", replicas=1, ready=0, pod=own), RESTARTED], [line(POD, text)])["dns_failure"] == WEB


def test_resolvers_of_its_own_are_a_hint_where_nobody_says_why() -> None:
    """A pod that does not come up, and whose resolver knows no Services."""
    for policy, least in (("None", 0.5), ("Default", 0.3)):
        objects = [workload("web", replicas=1, ready=0, pod={"dnsPolicy": policy}), RESTARTED]
        strengths = [m.strength for m in everything(objects) if m.kind == "dns_failure"]
        assert least <= max(strengths, default=0.0) < 0.8


def test_a_cluster_whose_resolver_is_down_explains_all_who_resolve_nothing() -> None:
    """One cause, not one for each."""
    objects: list[Object] = [workload("coredns", replicas=1, ready=0)]
    said = []
    for name in ("a", "b"):
        objects += [workload(name, replicas=1, ready=0), pod(name, ready=False)]
        said.append(line(k8s("Deployment", name), UNRESOLVED[0]))
    kinds = found(objects, said)
    assert kinds["cluster_dns_down"] == k8s("Deployment", "coredns")
    assert "dns_failure" not in kinds


# Ports of one pod.

TAKEN = [
    "listen tcp :8080: bind: address already in use",
    "Web server failed to start. Port 8080 was already in use.",
    "Error: listen EADDRINUSE: address already in use :::8080",
    "OSError: [Errno 98] Address already in use",
    "nested exception is org.springframework.boot.web.server.PortInUseException: Port 8080 is already in use",
    "[emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)",
    "java.net.BindException: Address already in use (Bind failed)",
]


@pytest.mark.parametrize("text", TAKEN)
def test_a_port_that_is_taken_is_told_by_the_process(text: str) -> None:
    """In the words of Go, Spring, Node, Python, nginx and Java."""
    assert found([workload("web", replicas=1, ready=0), RESTARTED], [line(POD, text)]).get("port_in_use") == WEB


def test_two_containers_with_one_port_are_told_by_the_declaration() -> None:
    """Without any log."""
    both = [{"name": "app", "image": "i", **PORT}, {"name": "helper", "image": "h", **PORT}]
    assert found([workload("web", replicas=1, ready=0, pod={"containers": both}), RESTARTED]).get("port_in_use") == WEB


def test_a_sidecar_that_is_given_the_applications_port() -> None:
    """Annotations configure what is injected."""
    body = workload("web", replicas=1, ready=0, container=PORT)
    body["spec"]["template"]["metadata"]["annotations"] = {"proxy.istio.io/config": '{"statusPort": 8080}'}
    assert found([body, RESTARTED]).get("port_in_use") == WEB


# Policies.


def policy(*allowed: str) -> Object:
    rules = [{"from": [{"podSelector": {"matchLabels": {"app": a}}}]} for a in allowed]
    spec = {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"], "ingress": rules}
    return manifest("NetworkPolicy", f"for-{'-'.join(allowed)}", spec=spec)


CALL = Telemetry(calls=(Call(caller=WEB, callee=k8s("Deployment", "api")),))


def test_a_policy_that_admits_nobody_cuts_a_caller_that_complains() -> None:
    """A caller that waits in vain, and a policy that keeps it out."""
    objects = [*caller(), *serving("api"), policy("other")]
    said = [line(WEB, "Get http://api:80/: context deadline exceeded")]
    loud = [m for m in everything(objects, said, telemetry=CALL) if m.kind == "network_policy_blocks"]
    quiet = [m for m in everything(objects, telemetry=CALL) if m.kind == "network_policy_blocks"]
    assert [m.resource for m in loud] == [k8s("NetworkPolicy", "for-other")]
    assert loud[0].strength > 0.9
    assert quiet[0].strength < 0.5


def test_a_policy_that_admits_the_caller_is_not_blamed() -> None:
    """Policies add up: one that admits is enough."""
    said = [line(WEB, "Get http://api:80/: context deadline exceeded")]
    objects = [*caller(), *serving("api"), policy("web"), policy("other")]
    assert "network_policy_blocks" not in found(objects, said, telemetry=CALL)


def test_a_node_from_which_nothing_answers() -> None:
    """From other nodes the same Services do."""
    checks = [
        Check(source=k8s("Node", n, None), target=k8s("Service", s), port=80, is_open=n != "n1")
        for n in ("n1", "n2")
        for s in ("a", "b", "c")
    ]
    objects = [node("n1"), node("n2")]
    assert found(objects, telemetry=Telemetry(checks=tuple(checks))) == {"kube_proxy_down": k8s("Node", "n1", None)}


def test_an_event_alone_is_no_policy() -> None:
    """A timeout without any policy has another reason."""
    said = [event(POD, "Unhealthy", "Readiness probe failed: context deadline exceeded")]
    assert "network_policy_blocks" not in found([*caller(), DOWN], said, telemetry=CALL)
