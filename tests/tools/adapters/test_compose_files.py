"""Compose files: which make a project, what they include and extend, and what is said of those that can't be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graph.document import Object
from graph.resource import Facet
from tests.graph.kinds.compose.test_compare import container
from tests.tools.adapters.sources import NOW, GitFolder, config_map, write
from tools.adapters.compose_files import ComposeRun
from tools.adapters.manifests import ManifestReading, ManifestSource


def read(path: Path, *runs: ComposeRun, ref: str | None = None) -> ManifestReading:
    source = ManifestSource(
        "git:test",
        path,
        facet=Facet.INTENDED,
        cluster="demo",
        stack="shop",
        salt=b"salt",
        clock=lambda: NOW,
        ref=ref,
        compose=runs,
    )
    return source.inspect()


def services(reading: ManifestReading) -> dict[str, Object]:
    return {d.resource.display: d.body for d in reading.snapshot.documents if d.resource.kind == "service"}


def test_finds_the_files_that_compose_finds(tmp_path: Path) -> None:
    """A folder's base file and its override make a project; other variants are neither read nor faults."""
    write(
        tmp_path,
        {
            "shop/compose.yaml": "services:\n  web:\n    image: web:1\n    ports: ['80:80']\n",
            "shop/compose.override.yaml": "services: {web: {image: web:dev, ports: ['81:81']}}\n",
            "shop/docker-compose.prod.yml": "services: {web: {image: web:prod}}\n",
            "mail/docker-compose.yml": "name: post\nservices: {smtp: {image: smtp}}\n",
            "plain.yaml": config_map("plain"),
        },
    )
    reading = read(tmp_path)
    assert set(services(reading)) == {"shop/service/web", "post/service/smtp"}
    assert services(reading)["shop/service/web"]["image"] == "web:dev"
    assert [p["target"] for p in services(reading)["shop/service/web"]["ports"]] == [80, 81]
    assert reading.snapshot.unreadable == ()
    origins = {d.resource.display: (d.origin.file, d.origin.line) for d in reading.snapshot.documents if d.origin}
    assert origins["post/service/smtp"] == ("mail/docker-compose.yml", None)


def test_origins_are_lines(tmp_path: Path) -> None:
    """Each entry of a section has the line on which it begins."""
    text = "services:\n  web:\n    image: a\n  # note\n  api:\n    image: b\nvolumes:\n  data: {}\n"
    write(tmp_path, {"compose.yaml": text})
    lines = {d.resource.name: d.origin.line for d in read(tmp_path).snapshot.documents if d.origin}
    assert lines == {"web": 2, "api": 5, "data": 8}


def test_reads_env_files_extends_and_includes(tmp_path: Path) -> None:
    """Variables come from `.env` and env_file; `extends` and `include` bring in other files, relative to each."""
    write(
        tmp_path,
        {
            "compose.yaml": (
                "include: [parts/db.yaml]\nservices:\n  web:\n    extends: {file: parts/base.yaml, service: base}\n"
                "    image: web:${TAG}\n    env_file: [web.env]\n    environment: [B=2, FROM_ENV]\n"
            ),
            ".env": "TAG=7\nFROM_ENV=yes\n",
            "web.env": "A=1\nB=1\nC='x y' # no\n",
            "parts/base.yaml": "services: {base: {restart: always, env_file: base.env, command: [run]}}\n",
            "parts/base.env": "BASE=${TAG}\n",
            "parts/db.yaml": "services: {db: {image: postgres}}\n",
        },
    )
    found = services(read(tmp_path, ComposeRun(files=("compose.yaml",), name="shop")))
    assert set(found) == {"shop/service/web", "shop/service/db"}
    web = found["shop/service/web"]
    assert (web["image"], web["restart"], web["command"]) == ("web:7", "always", ["run"])
    assert web["environment"] == {"BASE": "7", "A": "1", "B": "2", "C": "x y", "FROM_ENV": "yes"}


def test_words_are_texts(tmp_path: Path) -> None:
    """Compose reads `on` and `yes` as text, unlike kubectl."""
    write(tmp_path, {"compose.yaml": "services: {a: {image: x, environment: {A: on, B: true, C: 012}}}\n"})
    (body,) = services(read(tmp_path)).values()
    assert body["environment"] == {"A": "on", "B": "true", "C": "10"}


def test_profiles_are_switched_on(tmp_path: Path) -> None:
    """A service of a profile that is on is one like any other."""
    write(tmp_path, {"compose.yaml": "services: {a: {image: x, profiles: [debug]}}\n"})
    (off,) = services(read(tmp_path)).values()
    (on,) = services(read(tmp_path, ComposeRun(files=("compose.yaml",), profiles=frozenset({"debug"})))).values()
    assert off["profiles"] == ["debug"]
    assert "profiles" not in on


def test_reads_a_project_of_a_commit(tmp_path: Path) -> None:
    """A project is read from a ref without a checkout, with the commit of its file."""
    git = GitFolder(tmp_path / "shop")
    git.commit({"compose.yaml": "services: {web: {image: 'web:${TAG}'}}\n", ".env": "TAG=1\n"})
    second = git.commit({"compose.yaml": "services: {web: {image: 'web:${TAG}', user: me}}\n"})
    write(git.root, {".env": "TAG=dirty\n"})
    reading = read(git.root, ref="HEAD")
    assert services(reading)["shop/service/web"]["image"] == "web:1"
    (web,) = [d for d in reading.snapshot.documents if d.resource.kind == "service"]
    assert web.origin is not None
    assert web.origin.commit == second


def test_reads_containers_from_a_dump(tmp_path: Path) -> None:
    """What `docker inspect` printed is the actual state."""
    write(tmp_path, {"inspect.json": json.dumps([container()])})
    assert services(read(tmp_path / "inspect.json"))["shop/service/web"]["image"] == "nginx:1.27"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: {a: {image: 1, image: 2}}\n", "stands twice"),
        ("services: [a]\n", "no mapping"),
        ("services: {a: {image: x}}\ninclude: [../other.yaml]\n", "lies outside"),
        ("services: {a: {image: x}}\ninclude: [gone.yaml]\n", "does not exist"),
        ("services: {a: {ports: !reset []}}\n", "!reset"),
        ("x: &a [*a]\n", "contains itself"),
        ("services:\n" + "".join(f"  s{i}: {{ports: [1-900:1-900]}}\n" for i in range(30)), "ports are published"),
        ("\udc80", "not utf-8"),
    ],
)
def test_a_project_that_can_not_be_read_is_named(tmp_path: Path, text: str, words: str) -> None:
    """What is wrong is said once for the project, and the rest is read."""
    write(tmp_path, {"compose.yaml": text.encode("utf-8", "surrogateescape"), "plain.yaml": config_map("plain")})
    snapshot = read(tmp_path).snapshot
    (fault,) = snapshot.unreadable
    assert fault.where == "compose.yaml"
    assert words in fault.reason
    assert not snapshot.complete
    assert [d.resource.name for d in snapshot.documents] == ["plain"]


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("{ports: [no]}", "is no port"),
        ('{command: "\'open"}', "split"),
        ("{extends: {service: gone}}", "no service 'gone'"),
        ("{extends: {service: bad}}", "a cycle"),
        ("{image: '${}'}", "names no variable"),
        ("{image: '${A'}", "without its end"),
        ("{ports: ['1-60000:1-60000']}", "range of ports"),
        ("text", "no mapping"),
    ],
)
def test_a_service_that_can_not_be_read_is_named(tmp_path: Path, service: str, words: str) -> None:
    """One broken service is not comparable; its siblings are read, and the snapshot stays complete."""
    write(tmp_path, {"compose.yaml": f"name: shop\nservices:\n  bad: {service}\n  good: {{image: x}}\n"})
    snapshot = read(tmp_path).snapshot
    (fault,) = snapshot.unreadable
    assert fault.resource is not None
    assert (fault.resource.display, fault.line) == ("shop/service/bad", 3)
    assert words in fault.reason
    assert "shop/service/good" in {d.resource.display for d in snapshot.documents}
    assert snapshot.complete


def test_a_missing_env_file_is_said(tmp_path: Path) -> None:
    """The service is read all the same; that its variables are not all known is said."""
    write(tmp_path, {"compose.yaml": "name: shop\nservices: {web: {image: x, env_file: secret.env}}\n"})
    snapshot = read(tmp_path).snapshot
    (fault,) = snapshot.unreadable
    assert fault.is_read
    assert "'secret.env' is not there" in fault.reason
    assert {d.resource.display for d in snapshot.documents} == {"shop/service/web", "shop/network/default"}
