"""Compose projects compared: file against file, and file against containers."""

from __future__ import annotations

from typing import Any

import pytest

from graph.document import Object, put
from graph.drift import DriftReport, compare
from graph.kinds.compose.inspection import is_inspection, observed
from graph.kinds.compose.project import documents
from graph.kinds.compose.shape import long_form
from graph.kinds.compose.variables import fill
from graph.version import Document

WEB: Object = {
    "image": "nginx:1.27",
    "command": "nginx -g 'daemon off;'",
    "environment": ["LEVEL=info", "EMPTY="],
    "ports": ["8080:80"],
    "volumes": ["data:/data", "./conf:/etc/conf:ro"],
    "restart": "always",
    "healthcheck": {"test": "true", "interval": "1m30s"},
    "deploy": {"replicas": 2, "resources": {"limits": {"memory": "512M", "cpus": "0.5"}}},
    "labels": {"team": "shop"},
}


def declared(services: Object, *, project: str = "shop", **sections: Object) -> list[Document]:
    shaped = {name: long_form(fill(service, {})) for name, service in services.items()}
    return list(documents({"services": shaped, **sections}, name=project, salt=b"salt", origins={}))


def container(name: str = "shop-web-1", **changes: Any) -> Object:
    """Return what `docker inspect` shows of a container of WEB, with members changed by JSON pointer."""
    body: Object = {
        "Id": "0" * 64,
        "Name": f"/{name}",
        "State": {"Running": True, "Status": "running"},
        "Config": {
            "Image": "nginx:1.27",
            "Env": ["LEVEL=info", "EMPTY=", "PATH=/usr/bin", "NGINX_VERSION=1.27"],
            "Cmd": ["nginx", "-g", "daemon off;"],
            "Entrypoint": ["/docker-entrypoint.sh"],
            "Hostname": "0123456789ab",
            "User": "",
            "WorkingDir": "",
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 90_000_000_000},
            "Labels": {
                "com.docker.compose.project": "shop",
                "com.docker.compose.service": "web",
                "com.docker.compose.oneoff": "False",
                "maintainer": "NGINX",
                "team": "shop",
            },
        },
        "HostConfig": {
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
            "Memory": 512 * 2**20,
            "NanoCpus": 500_000_000,
            "NetworkMode": "shop_default",
            "Privileged": False,
        },
        "Mounts": [
            {"Type": "volume", "Name": "shop_data", "Source": "/var/lib", "Destination": "/data", "RW": True},
            {"Type": "bind", "Source": "/home/ann/shop/conf", "Destination": "/etc/conf", "RW": False},
            {"Type": "volume", "Name": "a1" * 32, "Source": "/var/lib", "Destination": "/var/cache", "RW": True},
        ],
        "NetworkSettings": {"Networks": {"shop_default": {}}},
    }
    for path, value in changes.items():
        body = put(body, path, value)
    return body


def running(*containers: Object) -> list[Document]:
    return list(observed(containers, salt=b"salt"))


def report(intended: list[Document], actual: list[Document], applied: list[Document] | None = None) -> DriftReport:
    return compare(intended=intended, applied=applied, actual=actual)


def found(one: DriftReport) -> list[tuple[str, str, str]]:
    return [(f.resource.display, f.path, f.verdict.value) for f in one.findings]


def test_what_runs_as_declared_is_no_drift() -> None:
    """What an image and Docker bring along is no difference, and a relative path is the same below any folder."""
    pair = [container(), container("shop-web-2")]
    one = report(declared({"web": WEB}, volumes={"data": {}}), running(*pair))
    assert found(one) == []
    assert {n.resource for n in one.not_comparable} == {"shop/network/default", "shop/volume/data"}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"/Config/Image": "nginx:1.28"}, "/image"),
        ({"/Config/Env": ["LEVEL=debug", "EMPTY="]}, "/environment/LEVEL"),
        ({"/Config/Env": ["LEVEL=info"]}, "/environment/EMPTY"),
        ({"/Config/Cmd": ["nginx"]}, "/command"),
        ({"/Config/Healthcheck/Interval": 1_000_000_000}, "/healthcheck/interval"),
        ({"/Config/Labels/team": "other"}, "/labels/team"),
        ({"/HostConfig/RestartPolicy/Name": "no"}, "/restart"),
        ({"/HostConfig/Memory": 2**30}, "/mem_limit"),
        ({"/HostConfig/Privileged": True}, "/privileged"),
        ({"/HostConfig/PortBindings/80~1tcp/0/HostPort": "8081"}, "/ports/0/published"),
        ({"/HostConfig/PortBindings/22~1tcp": [{"HostPort": "22"}]}, "/ports/1"),
        ({"/HostConfig/CapAdd": ["CAP_SYS_ADMIN"]}, "/cap_add"),
        ({"/Mounts/1/RW": True}, "/volumes/1/read_only"),
        ({"/Mounts/0/Name": "other"}, "/volumes/0/source"),
        ({"/NetworkSettings/Networks/host_lan": {}}, "/networks/host_lan"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_edit_of_a_container_is_found_where_it_is(changes: Object, path: str) -> None:
    """Each single change of what runs is one finding, in the field it concerns."""
    one = report(declared({"web": WEB}), running(container(**changes), container("shop-web-2", **changes)))
    assert found(one) == [("shop/service/web", path, "out_of_band_change")]


def test_containers_are_counted_and_may_disagree() -> None:
    """A missing replica is drift; one container that differs from its siblings is shown by name."""
    assert found(report(declared({"web": WEB}), running(container()))) == [
        ("shop/service/web", "/deploy/replicas", "out_of_band_change")
    ]
    odd = container("shop-web-2", **{"/Config/Image": "nginx:edge"})
    (finding,) = report(declared({"web": WEB}), running(container(), odd)).findings
    assert finding.path == "/image"
    assert finding.actual == {"shop-web-1": "nginx:1.27", "shop-web-2": "nginx:edge"}


def test_presence_of_services() -> None:
    """A service that does not run is missing, one that nobody declares is unmanaged; profiles and zero are neither."""
    idle = {"profiled": {"image": "a", "profiles": ["debug"]}, "none": {"image": "b", "scale": 0}}
    one = report(declared({"api": {"image": "c"}, **idle}), running(container()))
    assert found(one) == [
        ("shop/service/api", "", "deleted_out_of_band"),
        ("shop/service/web", "", "unmanaged"),
    ]
    applied = declared({"web": WEB, **idle})
    assert found(report(declared({"api": {"image": "c"}}), running(container()), applied)) == [
        ("shop/service/api", "", "never_applied"),
        ("shop/service/web", "", "prune_pending"),
    ]


def test_a_file_that_nobody_runs_is_no_drift() -> None:
    """A Compose file beside what a cluster runs says nothing of that cluster: where nothing was observed, no claim."""
    one = report(declared({"web": WEB}), [])
    assert found(one) == []
    assert {n.resource for n in one.not_comparable} == {"shop/service/web", "shop/network/default"}


def test_a_project_that_was_taken_down_is_drift() -> None:
    """Where Compose projects are observed, one of which nothing runs is gone."""
    other = container(**{"/Config/Labels/com.docker.compose.project": "mail"})
    one = report(declared({"web": WEB}), running(other))
    assert found(one) == [("shop/service/web", "", "deleted_out_of_band")]


def test_other_projects_on_the_same_host_are_none_of_ours() -> None:
    """A dump of all containers of a host holds those of other projects, which nobody here declares."""
    other = container(**{"/Config/Labels/com.docker.compose.project": "mail"})
    one = report(declared({"web": WEB}), running(container(), container("shop-web-2"), other))
    assert found(one) == []


def test_three_way_with_an_applied_file() -> None:
    """With what was started last, a change in the file is pending and a change of what runs is out of band."""
    old, new = {"web": {"image": "a:1"}}, {"web": {"image": "a:2"}}
    assert found(report(declared(new), declared(old), declared(old)))[0][2] == "pending_rollout"
    assert found(report(declared(old), declared(new), declared(old)))[0][2] == "out_of_band_change"
    assert found(report(declared(new), declared(new), declared(old))) == []
    (tolerated,) = report(declared(new), declared(new), declared(old)).tolerated
    assert tolerated.verdict.value == "converged_by_hand"


def test_spelling_is_no_difference() -> None:
    """Short and long forms, image names, sizes, durations, lists and mappings of one meaning are equal."""
    short = {
        "image": "redis",
        "ports": ["127.0.0.1:6379:6379", "9000-9001:9000-9001/udp"],
        "environment": ["A=1", "B=true"],
        "depends_on": ["db"],
        "mem_limit": "1g",
        "stop_grace_period": "1m30s",
        "command": 'redis-server --save "" --port 1',
        "extra_hosts": ["a:10.0.0.1"],
        "networks": ["back"],
    }
    long = {
        "image": "docker.io/library/redis:latest",
        "ports": [
            {"target": 6379, "published": "6379", "protocol": "tcp", "host_ip": "127.0.0.1"},
            {"target": 9000, "published": 9000, "protocol": "udp"},
            {"target": 9001, "published": 9001, "protocol": "udp"},
        ],
        "environment": {"B": True, "A": 1},
        "depends_on": {"db": {"condition": "service_started", "required": True}},
        "mem_limit": 1073741824,
        "stop_grace_period": "90s",
        "command": ["redis-server", "--save", "", "--port", "1"],
        "extra_hosts": {"a": "10.0.0.1"},
        "networks": {"back": None},
    }
    one = report(declared({"cache": short}), declared({"cache": long}))
    assert found(one) == []
    assert [(f.path, f.verdict.value) for f in one.tolerated] == [("/image", "representation_only")]


def test_a_value_that_needs_the_environment_is_not_comparable() -> None:
    """A variable that no file gives, and a name without value, depend on who runs Compose."""
    service = {"image": "app:${TAG}", "environment": ["HOME"], "ports": ["${PORT}:80"]}
    actual = {"image": "app:7", "environment": ["HOME=/root"], "ports": ["1:80"], "user": "root"}
    one = report(declared({"web": service}), declared({"web": actual}))
    assert found(one) == [("shop/service/web", "/user", "out_of_band_change")]
    assert {n.reason.partition(":")[0] for n in one.not_comparable} == {"/image", "/environment/HOME", "/ports"}


def test_secret_values_are_hashed() -> None:
    """Values of variables named like secrets, and passwords in URLs, never stand in a document, yet compare."""
    service = {"environment": {"DB_PASSWORD": "hunter22", "URL": "redis://u:hunter22@cache:6379", "TOKEN_FILE": "/x"}}
    (web, _network) = declared({"web": service})
    assert "hunter22" not in str(web.body)
    assert web.body["environment"]["TOKEN_FILE"] == "/x"
    env = ["DB_PASSWORD=other", "URL=redis://u:hunter22@cache:6379", "TOKEN_FILE=/x"]
    findings = report([web], running(container(**{"/Config/Env": env}))).findings
    (finding,) = [f for f in findings if f.path.startswith("/environment")]
    assert finding.path == "/environment/DB_PASSWORD"
    assert "other" not in str(finding.actual)


def test_knows_an_inspection_from_other_lists() -> None:
    """Only a list of containers is taken for one."""
    assert is_inspection([container()])
    assert not is_inspection([])
    assert not is_inspection([{"Config": {}}])
