"""The container image and the compose file, checked as far as that goes without an engine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from app.cli import app as command_line
from app.settings import ExecutorSettings, Settings

_ROOT = Path(__file__).parents[1]
_OURS = ("plumbline", "executor")


def _instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with their arguments, continued lines joined."""
    text = (_ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def _last_stage() -> list[tuple[str, str]]:
    found = _instructions()
    return found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The parsed compose file."""
    return dict(yaml.safe_load((_ROOT / "docker-compose.yml").read_text()))


def _run(compose: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(compose["services"][name])


def test_image_runs_as_nobody_in_particular() -> None:
    """The last stage ends with a numeric user that is not root, before anything is started."""
    stage = _last_stage()
    users = [rest for name, rest in stage if name == "USER"]
    assert users
    assert int(users[-1].partition(":")[0]) >= 1000
    assert [name for name, _ in stage].index("USER") < [name for name, _ in stage].index("ENTRYPOINT")


def test_image_installs_from_the_lock_with_hashes() -> None:
    """What is not in the lock file, byte for byte, does not get in; secrets and remote files neither."""
    runs = " ".join(rest for name, rest in _instructions() if name == "RUN")
    assert "--require-hashes -r requirements.lock" in runs
    assert "--no-deps" in runs
    assert not [rest for name, rest in _instructions() if name == "ADD"]
    assert not re.search(r"(?i)password|secret|token", runs)


def test_files_that_the_image_copies_exist() -> None:
    """Every source of a COPY is in the repository."""
    for name, rest in _instructions():
        if name == "COPY" and "--from=" not in rest:
            *sources, _ = shlex.split(rest)
            assert [s for s in sources if not (_ROOT / s).exists()] == []


def test_image_starts_a_command_that_exists() -> None:
    """Entry point and arguments are a command of ours; the variables are settings of ours."""
    stage = dict(_last_stage())
    entry, arguments = (yaml.safe_load(stage[name]) for name in ("ENTRYPOINT", "CMD"))
    assert entry == ["plumbline"]
    _known(arguments)
    variables = set(re.findall(r"\bPLUMBLINE_(\w+)=", stage["ENV"]))
    assert {v.lower() for v in variables} <= set(Settings.model_fields)


def test_both_processes_are_confined(compose: dict[str, Any]) -> None:
    """Non-root, read-only root file system, no capabilities, no new privileges."""
    for name in _OURS:
        service = _run(compose, name)
        assert service["user"].partition(":")[0] not in ("", "0", "root")
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "privileged" not in service
        assert "cap_add" not in service


def test_nothing_reaches_the_engine_or_the_host(compose: dict[str, Any]) -> None:
    """No socket of the engine, no host namespaces, ports on the loopback only."""
    for service in compose["services"].values():
        mounts = [str(v) for v in service.get("volumes", ())]
        assert not [m for m in mounts if "docker.sock" in m or m.startswith("/")]
        assert not {"network_mode", "pid", "ipc", "userns_mode"} & set(service)
        assert [p for p in service.get("ports", ()) if not str(p).startswith("127.0.0.1:")] == []


def test_only_the_executor_sees_write_credentials(compose: dict[str, Any]) -> None:
    """The file with write access is mounted into one service, and named to it alone."""
    mounted = {n for n, s in compose["services"].items() if "executor.yaml" in str(s.get("volumes"))}
    named = {n for n, s in compose["services"].items() if "PLUMBLINE_EXECUTOR_CONFIG" in str(s.get("environment"))}
    assert mounted == named == {"executor"}
    # Both need the keys that approvals are sealed with, which stand in the data directory.
    assert all("data:/data" in _run(compose, name)["volumes"] for name in _OURS)


def test_commands_and_variables_of_the_services_exist(compose: dict[str, Any]) -> None:
    """Each command is one of ours, each variable a setting; passwords come from outside."""
    fields = set(Settings.model_fields) | set(ExecutorSettings.model_fields) | {"config", "executor_config"}
    for name in _OURS:
        service = _run(compose, name)
        _known(service["command"])
        given = {v.removeprefix("PLUMBLINE_").lower() for v in service["environment"]}
        assert given <= fields
    assert "${POSTGRES_PASSWORD:?" in compose["services"]["database"]["environment"]["POSTGRES_PASSWORD"]


def test_volumes_and_dependencies_are_declared(compose: dict[str, Any]) -> None:
    """What a service names is there; configuration files are mounted read-only and documented."""
    operations = (_ROOT / "docs" / "operations.md").read_text()
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("./"):
                assert mode == ["ro"], volume
                assert Path(target).name in operations
            else:
                assert source in compose["volumes"]


def _known(arguments: list[str]) -> None:
    """Check that arguments are a command with its options."""
    commands = typer.main.get_command(command_line).commands  # type: ignore[attr-defined]
    name, *options = arguments
    known = {o for p in commands[name].params for o in (*p.opts, *p.secondary_opts)}
    assert set(options) <= known
