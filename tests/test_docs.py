"""What exists is documented, and what is documented exists: commands, settings, routes, statuses, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import typer
import yaml
from pydantic import BaseModel

from app.api import ROUTERS
from app.cli import app as command_line
from app.settings import ClientSettings, EnvironmentSettings, ExecutorSettings, Settings
from app.store.proposal_records import ProposalStatus
from evals.suites import SETS
from graph.incident import IncidentStatus

_ROOT = Path(__file__).parents[1]
_DOCS = _ROOT / "docs"


def _read(name: str) -> str:
    return (_DOCS / name).read_text()


def _block(name: str) -> list[Any]:
    """Documents of the YAML example that begins with `# name`."""
    found = re.search(rf"```yaml\n# {re.escape(name)}\n(.*?)```", _read("operations.md"), re.S)
    assert found, name
    return list(yaml.safe_load_all(found[1]))


def _commands() -> dict[str, set[str]]:
    """Every command with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, path: str) -> None:
        if children := getattr(command, "commands", None):
            for name, child in children.items():
                walk(child, f"{path} {name}")
        else:
            options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("--")}
            # The sets of cases have one command each, all alike: `plumbline eval SET`.
            found[path.rpartition(" ")[0] if path.rpartition(" ")[2] in SETS else path] = options

    walk(typer.main.get_command(command_line), "plumbline")
    return found


def test_commands_are_documented() -> None:
    """`docs/cli.md` has every command, and no other."""
    rows = re.findall(r"^\| `(plumbline [^`]*)`", _read("cli.md"), re.M)
    documented = {" ".join(re.match(r"[a-z ]+", row)[0].split()) for row in rows}  # type: ignore[index]
    assert documented == set(_commands())


def test_evaluation_sets_are_documented() -> None:
    """`docs/cli.md` names every set of cases that can be run."""
    text = _read("cli.md")
    assert [name for name in SETS if f"`{name}`" not in text] == []


def test_evaluations_are_documented() -> None:
    """`docs/evaluation.md` has every module of `evals` that can be run, and no other."""
    marked = [
        p for p in (_DOCS.parent / "evals").rglob("*.py") if '__name__ == "__main__"' in p.read_text(encoding="utf-8")
    ]
    runnable = {".".join(p.relative_to(_DOCS.parent).with_suffix("").parts).removesuffix(".__main__") for p in marked}
    assert set(re.findall(r"`python -m (evals[\w.]*)", _read("evaluation.md"))) == runnable


def test_documented_options_exist() -> None:
    """An option beside a command in `docs/cli.md` is one of that command."""
    known = _commands()
    for row in re.findall(r"^\| `(plumbline [^`]*)`", _read("cli.md"), re.M):
        name = " ".join(re.match(r"[a-z ]+", row)[0].split())  # type: ignore[index]
        assert set(re.findall(r"--[a-z-]+", row)) <= known[name], name


def test_options_are_documented() -> None:
    """Every option of every command is named somewhere in `docs/cli.md`."""
    text = _read("cli.md")
    options = set().union(*_commands().values())
    assert sorted(o for o in options if o not in text) == []


def _variables(model: type[BaseModel], prefix: str = "PLUMBLINE_") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def test_settings_are_documented() -> None:
    """Every setting is documented as its variable, and every documented variable is a setting."""
    existing = {v for model in (Settings, ExecutorSettings, ClientSettings) for v in _variables(model)}
    existing |= {model.config_variable() for model in (Settings, ExecutorSettings)}
    documented = set(re.findall(r"\bPLUMBLINE_[A-Z_]+\b", _read("settings.md")))
    assert sorted(existing - documented) == []
    # A section's own example is the one variable that no field has by itself.
    assert sorted(documented - existing) == []


def _sections(kind: Any) -> Iterator[type[BaseModel]]:
    if get_origin(kind) in (tuple, Union, UnionType) or hasattr(kind, "__metadata__"):
        for inner in get_args(kind):
            yield from _sections(inner)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind


def test_fields_of_sources_and_targets_are_documented() -> None:
    """Every field of an environment, a source or a target stands in `docs/settings.md`."""
    text = _read("settings.md")
    fields = dict(EnvironmentSettings.model_fields) | {"targets": ExecutorSettings.model_fields["targets"]}
    names = set(fields)
    for field in fields.values():
        for section in _sections(field.annotation):
            names |= set(section.model_fields)
    assert sorted(n for n in names if not re.search(rf"\b{n}\b", text)) == []


def test_routes_are_documented() -> None:
    """`docs/api.md` has every route of the API, and no other."""
    from fastapi import FastAPI

    api = FastAPI()
    for router in ROUTERS:
        api.include_router(router)
    existing = {f"{method.upper()} {path}" for path, item in api.openapi()["paths"].items() for method in item}
    documented = set(re.findall(r"^\| `([A-Z]+ /[^`]*)`", _read("api.md"), re.M))
    assert documented == existing


@pytest.mark.parametrize("statuses", [IncidentStatus, ProposalStatus], ids=["incident", "proposal"])
def test_statuses_are_explained(statuses: Any) -> None:
    """`docs/operations.md` explains each status."""
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", _read("operations.md"), re.M))
    assert {str(s) for s in statuses} <= rows
    assert rows <= {str(s) for s in (*IncidentStatus, *ProposalStatus)}


def test_example_configurations_load() -> None:
    """The examples are what the settings accept."""
    (service,) = _block("plumbline.yaml")
    settings = Settings.model_validate(service)
    kinds = {s.type for e in settings.environments for s in (*e.intended, *e.applied, *e.actual, *e.changes)}
    assert kinds == {"manifests", "kubernetes", "git", "kubernetes_audit", "cloudtrail", "deployments"}
    (more,) = _block("more of plumbline.yaml")
    (production,) = Settings.model_validate(more).environments
    measured = {s.type for s in (*production.metrics, *production.logs, *production.traces)}
    assert measured == {"prometheus", "loki", "tempo"}
    assert [rule.id for rule in production.ignore] == ["hpa-trial"]
    (executor,) = _block("executor.yaml")
    assert ExecutorSettings.model_validate(executor).targets


def test_example_roles_are_as_narrow_as_they_say() -> None:
    """The reader may get, list and watch; the executor may not touch Secrets."""
    read, _ = _block("read.yaml")
    assert {verb for rule in read["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    write, binding = _block("write.yaml")
    assert "secrets" not in {r for rule in write["rules"] for r in rule["resources"]}
    assert "*" not in {r for rule in write["rules"] for r in (*rule["resources"], *rule["verbs"])}
    assert write["kind"] == "Role"
    assert binding["roleRef"]["name"] == write["metadata"]["name"]


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in README and docs names a file."""
    for page in (_ROOT / "README.md", *_DOCS.rglob("*.md"), _ROOT / "CONTRIBUTING.md", _ROOT / "ARCHITECTURE.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)|src=\"(?!https?:)([^\"]+)\"", page.read_text()):
            assert (page.parent / "".join(target)).exists(), f"{page.name}: {target}"
