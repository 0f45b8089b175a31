"""The command line from the outside: what it prints, its JSON, its exit codes, its one-line errors."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import app, main
from app.cli.topics import TOPICS
from tests.running_demo import RunningDemo, running_demo

Run = Callable[..., "Result"]

_DECLARED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {TIMEOUT: 5s}
"""
_HEAVY = (
    "langgraph",
    "sqlmodel",
    "sqlalchemy",
    "fastapi",
    "networkx",
    "pydantic",
    "httpx",
    "openai",
    "dulwich",
    "yaml",
    "numpy",
    "rich",
    "uvicorn",
    "structlog",
)


class Result:
    """How a command ended, and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """The JSON on standard output."""
        return json.loads(self.out)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["plumbline", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return call


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A running service with one incident."""
    with running_demo(tmp_path_factory.mktemp("cli")) as made:
        made.proposal("kms-permission-removed")
        yield made


@pytest.fixture
def states(tmp_path: Path) -> tuple[Path, Path]:
    """A declared and a running state that agree."""
    places = tmp_path / "declared", tmp_path / "running"
    for place in places:
        place.mkdir()
        (place / "all.yaml").write_text(_DECLARED)
    return places


def test_help_loads_no_heavy_module() -> None:
    """`--help` answers at once, as commands import what they need when they run."""
    script = f"""
import sys
sys.argv = ["plumbline", "--help"]
import app.cli
try:
    app.cli.main()
except SystemExit:
    print("LOADED", *[m for m in {_HEAVY!r} if m in sys.modules])
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.splitlines()[-1] == "LOADED"
    # Half a second, where 0.13 s is usual: a slow machine must not fail it, an import of the service must.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_help_names_every_command() -> None:
    """Each command stands under one heading of the help page."""
    listed = [name for names in TOPICS.values() for name in names]
    assert sorted(listed) == sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_drift_of_equal_states_is_none(run: Run, states: tuple[Path, Path]) -> None:
    """Exit code 0 when what runs is what was declared."""
    declared, running = states
    found = run("drift", "--intended", declared, "--actual", running, "--json")
    assert (found.code, found.json["resources"], found.json["findings"]) == (0, 1, [])


def test_drift_is_told_by_field_with_exit_code_1(run: Run, states: tuple[Path, Path]) -> None:
    """A field that differs is a finding with its pointer and both values."""
    declared, running = states
    (running / "all.yaml").write_text(_DECLARED.replace("5s", "50s"))
    found = run("drift", "--intended", declared, "--actual", running, "--json")
    assert found.code == 1
    (finding,) = found.json["findings"]
    assert (finding["resource"], finding["path"]) == ("shop/ConfigMap/settings", "/data/TIMEOUT")
    assert (finding["intended"], finding["actual"]) == ("5s", "50s")
    shown = run("drift", "--intended", declared, "--actual", running)
    assert shown.code == 1
    assert '"5s"' in shown.out
    assert "1 resources, 1 finding\n" in shown.out


def test_unreadable_file_is_named_with_its_line(run: Run, states: tuple[Path, Path]) -> None:
    """Broken YAML is not comparable, never clean, and the rest is read."""
    declared, running = states
    (declared / "broken.yaml").write_text("kind: ConfigMap\nmetadata: [\n")
    found = run("drift", "--intended", declared, "--actual", running, "--json")
    assert found.json["resources"] >= 1
    assert any("broken.yaml" in entry["resource"] and entry["line"] for entry in found.json["not_comparable"])


_BAD = {
    "missing-path": (
        ["drift", "--intended", "/does/not/exist", "--actual", "."],
        "no file or folder '/does/not/exist'",
    ),
    "half-of-paths": (["drift", "--intended", "."], "needs both --intended and --actual"),
    "no-server": (["incidents", "--server", "http://127.0.0.1:9"], "no Plumbline answers at http://127.0.0.1:9"),
    "nothing-known": (["incidents"], "no running Plumbline is known here"),
    "bad-address": (["incidents", "--server", "nowhere"], "no Plumbline answers at nowhere"),
    "bad-port": (["up", "--port", "70000"], "port: Input should be less than or equal to 65535"),
    "unknown-scenario": (["demo", "run", "nope"], "there is no demo incident 'nope'"),
    "unknown-trigger": (["up", "--demo", "--trigger", "nope"], "there is no demo incident 'nope'"),
    "no-demo": (["demo", "trigger", "secret-removed"], "no credentials.json found"),
    "no-installation": (["audit", "verify"], "no Plumbline was ever started in"),
    "unknown-role": (["user", "add", "bob", "--role", "king"], "there is no role 'king'"),
    "no-directory": (
        ["user", "add", "bob", "--role", "viewer", "--data-dir", "/proc/nope"],
        "name another with --data-dir",
    ),
    "unknown-measurement": (["eval", "scale", "nope"], "there is no measurement 'nope'"),
    "no-write-access": (["executor"], "PLUMBLINE_EXECUTOR_CONFIG"),
}


@pytest.mark.parametrize(("arguments", "message"), _BAD.values(), ids=_BAD.keys())
def test_errors_are_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """What can be expected to go wrong is one line on standard error, with exit code 2 and no traceback."""
    monkeypatch.chdir(tmp_path)
    failed = run(*arguments)
    assert failed.code == 2
    assert message in failed.err
    assert failed.err.startswith("plumbline: ")
    assert failed.err.count("\n") == 1
    assert failed.out == ""


def test_the_demo_gives_a_way_in_and_a_next_step(tmp_path: Path) -> None:
    """Without an incident at once there is a link that signs in, too."""
    command = [sys.executable, "-m", "app.cli", "up", "--demo", "--data-dir", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = "".join(next(process.stdout) for _ in range(5))
        process.terminate()
    assert re.search(r"http://127.0.0.1:[0-9]+/login/[\w-]+", said)
    assert "plumbline demo trigger" in said


def test_taken_port_is_named(run: Run, tmp_path: Path) -> None:
    """The message says which address, and which option helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("up", "--port", port, "--data-dir", tmp_path / "data")
    assert failed.code == 2
    assert f"127.0.0.1:{port}" in failed.err
    assert "--port" in failed.err


def test_wrong_token_is_refused_with_advice(run: Run, site: RunningDemo) -> None:
    """A token that the service does not know is one line that names the options."""
    failed = run("incidents", "--server", site.base_url, "--token", "wrong")
    assert failed.code == 2
    assert "does not accept this access token" in failed.err
    assert "--token" in failed.err


def test_configuration_of_wrong_type_names_each_field(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken configuration file is one line with the file and the fields."""
    config = tmp_path / "plumbline.yaml"
    config.write_text("workers: many\nenvironments: [{name: UPPER}]\n")
    monkeypatch.setenv("PLUMBLINE_CONFIG", str(config))
    failed = run("up", "--data-dir", tmp_path / "data")
    assert failed.code == 2
    assert all(part in failed.err for part in (str(config), "workers", "environments.0.name"))


@pytest.mark.parametrize(
    ("text", "told"),
    [("webhook: {pagerduty_secrets: [a]}\n", "webhooks"), ("a: [1\n", "line 2"), ("- workers\n", "names and values")],
    ids=["unknown", "broken", "list"],
)
def test_configuration_that_means_nothing_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    """A section with a slip in its name must not be off without a word."""
    config = tmp_path / "plumbline.yaml"
    config.write_text(text)
    monkeypatch.setenv("PLUMBLINE_CONFIG", str(config))
    failed = run("up", "--data-dir", tmp_path / "data", "--port", "1")
    assert failed.code == 2
    assert str(config) in failed.err
    assert told in failed.err
    assert failed.err.count("\n") == 1


_READS: dict[str, tuple[list[str], str, list[str]]] = {
    "incidents": (["incidents"], "incidents", ["payments: charges fail", "Cause found"]),
    "incident": (["incidents", "INC-1"], "diagnosis", ["92%", "kms:Decrypt", "Blast radius", "FIX-1"]),
    "proposals": (["proposals"], "proposals", ["FIX-1", "pending"]),
    "proposal": (["proposals", "FIX-1"], "digest", ["+   - Action: kms:Decrypt", "If that fails, it is undone"]),
    "why": (
        ["why", "aws_iam_role_policy.payments"],
        "changes",
        ["priya.raman@kettle.example", "by hand", "intended", "kms:Decrypt"],
    ),
    "state": (["state", "svc/payments"], "resources", ["shop/Service/payments", "1 resources"]),
    "changes": (["changes", "--since", "2h"], "changes", ["priya.raman@kettle.example", "by hand"]),
    "history": (["history", "aws_iam_role_policy.payments"], "periods", ["actual", "by hand"]),
    "blast": (
        ["blast", "shop/Service/payments"],
        "affected",
        ["shop/Deployment/checkout", "shop/Deployment/storefront"],
    ),
    "audit": (["audit", "list"], "entries", ["alert.received", "proposal.created"]),
    "verify": (["audit", "verify"], "ok", ["The audit log is whole"]),
}


@pytest.mark.parametrize(("arguments", "key", "words"), _READS.values(), ids=_READS.keys())
def test_reads_print_for_people_and_for_machines(
    run: Run, site: RunningDemo, arguments: list[str], key: str, words: list[str]
) -> None:
    """Each read command has a text with uncut names, and the same as JSON."""
    place = ["--data-dir", str(site.data_dir)]
    shown = run(*arguments, *place)
    assert shown.code == 0
    assert [word for word in words if word not in shown.out] == []
    assert "…\n" not in shown.out
    found = run(*arguments, *place, "--json")
    assert found.code == 0
    assert key in found.json


def test_an_empty_choice_is_not_called_an_empty_list(run: Run, site: RunningDemo) -> None:
    """There are incidents; only none that passes for noise."""
    said = run("incidents", "--triage", "noise", "--data-dir", site.data_dir).out
    assert "held for noise" in said
    assert "plumbline demo trigger" not in said


def test_drift_of_an_environment_has_exit_code_1(run: Run, site: RunningDemo) -> None:
    """The one environment there is needs no name."""
    found = run("drift", "--data-dir", site.data_dir, "--json")
    assert found.code == 1
    assert "/values/policy/Statement/2" in {f["path"] for f in found.json["findings"]}
    named = run("drift", "--env", "shop", "--data-dir", site.data_dir)
    assert "aws_iam_role_policy.payments" in named.out


_UNKNOWN = {
    "incident": (["incidents", "INC-99"], "INC-99", "the list of incidents"),
    "incident-by-number": (["incidents", "99"], "INC-99", "the list of incidents"),
    "another-route": (["incidents", "../audit"], "../AUDIT", "nothing is served"),
    "proposal": (["proposals", "fix-99"], "FIX-99", "the list of proposals"),
    "memory": (["memories", "MEM-99"], "MEM-99", "the list of memories"),
    "cause": (["outcome", "INC-1", "--cause", "9"], "number 9", "take one of those"),
    "role": (["approve", "FIX-1", "--as", "king"], "'king'", "it holds those of viewer"),
    "reason": (["reject", "FIX-1", "--reason", " "], "rejected", "--reason"),
    "resource": (["why", "nobody"], "'nobody'", "ask for the state"),
    "blast": (["blast", "nobody"], "'nobody'", "ask for the state"),
    "environment": (["drift", "--env", "nope"], "'nope'", "known: shop"),
}


@pytest.mark.parametrize(("arguments", "named", "next_step"), _UNKNOWN.values(), ids=_UNKNOWN.keys())
def test_what_is_unknown_is_named_with_a_next_step(
    run: Run, site: RunningDemo, arguments: list[str], named: str, next_step: str
) -> None:
    """What does not exist is one line that says what to do."""
    failed = run(*arguments, "--data-dir", site.data_dir)
    assert failed.code == 2
    assert named in failed.err
    assert next_step in failed.err
    assert failed.err.count("\n") == 1


def test_times_are_in_whole_seconds_and_can_be_asked_about(run: Run, site: RunningDemo) -> None:
    """People see UTC without fractions, and `--at` takes it as it is shown; JSON is exact."""
    place = ["--data-dir", str(site.data_dir)]
    for arguments in (["events"], ["changes"], ["history", "aws_iam_role_policy.payments"], ["incidents"], ["state"]):
        shown = run(*arguments, *place).out
        found = re.findall(r"\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d[^,:)]{4}", shown)
        assert found
        assert [text for text in found if not text.endswith((" UTC", " and"))] == []
    moment = re.search(r"at (\d[^U]* UTC)", run("state", *place).out)
    assert moment
    assert run("state", "--at", moment[1], *place).code == 0
    assert re.search(r"T\d\d:\d\d:\d\d\.\d+", run("state", *place, "--json").json["as_of"])


def test_no_drift_is_not_said_of_a_time_before_anything_was_read(run: Run, site: RunningDemo) -> None:
    """Nothing known is no proof of no drift: the exit code is that of an error."""
    found = run("drift", "--at", "2020-01-01T00:00:00Z", "--data-dir", site.data_dir)
    assert found.code == 2
    assert "There may be more drift" in found.out


def test_viewer_cannot_decide(run: Run, site: RunningDemo) -> None:
    """The role decides, and the message names the one that is needed."""
    failed = run("approve", "FIX-1", "--yes", "--as", "viewer", "--data-dir", site.data_dir)
    assert failed.code == 2
    assert "needs the role 'approver'" in failed.err


def test_why_answers_as_of_a_time(run: Run, site: RunningDemo) -> None:
    """Before the change was made, nothing was wrong; a time without offset is refused."""
    place = ["--data-dir", str(site.data_dir)]
    opened = run("incidents", "INC-1", *place, "--json").json["opened_at"]
    assert run("why", "aws_iam_role_policy.payments", "--at", opened, *place, "--json").code in (0, 2)
    failed = run("why", "aws_iam_role_policy.payments", "--at", "2026-11-20T12:00:00", *place)
    assert failed.code == 2
    assert "is no exact time" in failed.err


def test_demo_incidents_are_listed_and_triggered(run: Run, site: RunningDemo) -> None:
    """All ten have a name and a story; a triggered one is an accepted delivery."""
    assert len(run("demo", "list", "--json").json) == 10
    assert "kms-permission-removed" in run("demo", "list").out
    triggered = run("demo", "trigger", "healthy-false-alarm", "--data-dir", site.data_dir, "--json")
    assert triggered.json["delivery"]


def test_proposal_is_rejected_with_a_reason(run: Run, site: RunningDemo) -> None:
    """The reason is asked for, and ends up in the audit log."""
    id = site.proposal("secret-removed")
    assert run("reject", id, "--data-dir", site.data_dir).code == 2
    done = run("reject", id, "--reason", "restored by hand", "--data-dir", site.data_dir, "--json")
    assert (done.code, done.json["status"]) == (0, "rejected")


def test_nothing_is_approved_where_nobody_can_be_asked(run: Run, site: RunningDemo) -> None:
    """Output into a script or a pager is no consent."""
    refused = run("approve", "FIX-1", "--data-dir", site.data_dir)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert "pending" in run("proposals", "FIX-1", "--data-dir", site.data_dir).out.splitlines()[0]


def test_approval_shows_what_is_approved(run: Run, site: RunningDemo) -> None:
    """The exact change is printed before the approval is sent, and the executor takes it up."""
    done = run("approve", "FIX-1", "--yes", "--data-dir", site.data_dir)
    assert done.code == 0
    assert done.out.index("kms:Decrypt") < done.out.index("Approved")
    again = run("approve", "FIX-1", "--yes", "--as", "approver_2", "--data-dir", site.data_dir)
    assert again.code == 2


def test_person_is_added_on_the_machine(run: Run, tmp_path: Path) -> None:
    """A new person's token is shown once; the same name twice is refused."""
    added = run("user", "add", "mira", "--role", "responder", "--data-dir", tmp_path / "data", "--json")
    assert (added.code, added.json["role"]) == (0, "responder")
    assert len(added.json["token"]) > 30
    assert run("user", "add", "mira", "--role", "viewer", "--data-dir", tmp_path / "data").code == 2
    assert run("audit", "verify", "--data-dir", tmp_path / "data", "--json").json["ok"] is True


def test_demo_run_ends_as_it_should() -> None:
    """The whole path in the terminal, with an approval by a second person, ends with exit code 0."""
    command = [sys.executable, "-m", "app.cli", "demo", "run", "service-selector-mismatch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("Cause found", "Approved by a second person", "succeeded", "It ended as it should."):
        assert words in done.stdout
