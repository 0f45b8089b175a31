"""Walks the whole path of one demo incident in the terminal: alert, diagnosis, proposal, approval, execution, audit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from app.client import Client, connect
from app.demo.scenarios import SCENARIOS, Expected
from app.demo.trigger import trigger_and_wait
from app.terminal import print_incident, print_line, print_proposal, waiting
from graph.document import Object
from graph.errors import Conflict, NotFound, PlumblineError, Unreachable

_START_S = 60.0
_EXECUTION_S = 60.0
_ENDED = frozenset({"succeeded", "rolled_back", "refused", "failed", "unknown", "rejected", "expired"})


def walk(name: str, *, as_json: bool = False) -> bool:
    """Run an incident from its alert to its verified fix, in an installation of its own that is removed afterwards.

    Returns:
        Whether it ended as the incident says that it should.

    Raises:
        NotFound: there is no such incident.
    """
    if name not in SCENARIOS:
        raise NotFound(f"there is no demo incident {name!r}; there are: {', '.join(SCENARIOS)}")
    with (
        tempfile.TemporaryDirectory(prefix="plumbline-demo-", ignore_cleanup_errors=True) as folder,
        _service(Path(folder), quiet=as_json),
    ):
        walker = _Walk(Path(folder), quiet=as_json)
        problems = walker.run(name)
    if as_json:
        print(json.dumps({"name": name, "ok": not problems, "problems": problems, **walker.seen}, indent=2))
    elif problems:
        print_line(f"[bold red]Not as it should be:[/] {'; '.join(problems)}")
    else:
        print_line("[bold green]It ended as it should.[/]")
    return not problems


class _Walk:
    def __init__(self, data_dir: Path, *, quiet: bool) -> None:
        self._data_dir = data_dir
        self._quiet = quiet
        self._viewer = connect(data_dir=data_dir, role="viewer")
        self._approver = connect(data_dir=data_dir, role="approver")
        self.seen: Object = {}

    def run(self, name: str) -> list[str]:
        """Walk the path and return what was not as expected."""
        scenario = SCENARIOS[name]
        self._say(f"[bold]{scenario.title}[/]\n[dim]{scenario.story}[/]\n")
        with _waiting("The alert is on its way; waiting for the diagnosis ...", quiet=self._quiet):
            incident = trigger_and_wait(name, data_dir=self._data_dir)
        incident = self._with_proposals(incident["id"], wanted=scenario.expected.action is not None)
        self.seen["incident"] = incident
        if not self._quiet:
            print_incident(incident)
        problems = list(_wrong(incident, scenario.expected))
        if scenario.expected.hold:
            problems.extend(self._must_be_held(incident))
        elif scenario.expected.action is not None:
            problems.extend(self._approve_all(incident["id"]))
        return [*problems, *self._audit()]

    def _with_proposals(self, incident: str, *, wanted: bool) -> Object:
        """Return the incident once its proposals are stored, which follows the diagnosis by a moment."""
        deadline = time.monotonic() + 10
        while True:
            found: Object = self._viewer.get(f"/api/incidents/{incident}")
            if found["proposals"] or not wanted or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _approve_all(self, incident: str) -> Iterator[str]:
        """Approve what is proposed as a second person, one after the other, and wait for each to end."""
        done: list[Object] = []
        while waiting := self._pending(incident):
            proposal = self._approver.get(f"/api/proposals/{waiting[-1]['id']}")
            if not self._quiet:
                print_line("")
                print_proposal(proposal)
            self._approver.post(f"/api/proposals/{proposal['id']}/approve", {"digest": proposal["digest"]})
            self._say("")
            with _waiting(
                f"Approved by a second person. The executor takes {proposal['id']} up ...", quiet=self._quiet
            ):
                ended = self._await_end(proposal["id"])
            done.append(ended)
            self._say(f"[bold]{ended['status']}[/]: {ended['outcome']}")
            if ended["status"] != "succeeded":
                yield f"{ended['id']} ended as {ended['status']}: {ended['outcome']}"
                break
        self.seen["executed"] = done
        if not done:
            yield "nothing was proposed"
        elif (status := self._viewer.get(f"/api/incidents/{incident}")["status"]) != "mitigated":
            yield f"the incident is {status}, not mitigated"

    def _pending(self, incident: str) -> list[Any]:
        return [p for p in self._viewer.get(f"/api/incidents/{incident}")["proposals"] if p["status"] == "pending"]

    def _await_end(self, proposal: str) -> Object:
        deadline = time.monotonic() + _EXECUTION_S
        while True:
            found: Object = self._viewer.get(f"/api/proposals/{proposal}")
            if found["status"] in _ENDED or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _must_be_held(self, incident: Object) -> Iterator[str]:
        held = [p for p in incident["proposals"] if p["hold"]]
        if not held:
            yield "nothing is on hold"
        for proposal in held:
            try:
                self._approver.post(f"/api/proposals/{proposal['id']}/approve", {"digest": proposal["digest"]})
            except Conflict as refusal:
                self._say(f"\nApproving it is refused: {refusal}")
            else:
                yield f"{proposal['id']} is on hold and could be approved"

    def _audit(self) -> Iterator[str]:
        report = self._viewer.get("/api/audit/verify")
        self.seen["audit"] = report
        self._say(f"Audit log: {report['entries']} entries, {'whole' if report['ok'] else 'BROKEN'}.")
        if not report["ok"]:
            yield f"the audit log is broken: {report['problem']}"

    def _say(self, text: str) -> None:
        if not self._quiet:
            print_line(text)


def _wrong(incident: Object, expected: Expected) -> Iterator[str]:
    diagnosis = incident["diagnosis"]
    if diagnosis["verdict"] != expected.verdict:
        yield f"the verdict is {diagnosis['verdict']}, not {expected.verdict}"
    if expected.cause_resource and diagnosis["causes"]:
        first = diagnosis["causes"][0]
        if first["resource"] != expected.cause_resource:
            yield f"{first['resource_name']} is blamed, not {expected.cause_resource}"
        if expected.cause_kind and first["kind"] != expected.cause_kind:
            yield f"the cause is a {first['kind']}, not a {expected.cause_kind}"
    if expected.action is None and incident["proposals"]:
        yield "something is proposed where nothing should be"


def _waiting(text: str, *, quiet: bool) -> AbstractContextManager[None]:
    return nullcontext() if quiet else waiting(text)


@contextmanager
def _service(data_dir: Path, *, quiet: bool) -> Iterator[None]:
    """Run a service and its executor for the time of the walk."""
    command = [sys.executable, "-m", "app.cli", "up", "--demo", "--data-dir", str(data_dir), "--port", "0"]
    with (data_dir / "service.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  (our own command)
        try:
            with _waiting("Starting a service with the demo estate ...", quiet=quiet):
                _await_ready(data_dir, process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_ready(data_dir: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if (data_dir / "credentials.json").is_file() and _is_ready(connect(data_dir=data_dir, role="viewer")):
            return
        time.sleep(0.1)
    log = (data_dir / "service.log").read_text(errors="replace")[-2000:]
    raise Unreachable(f"the service did not start:\n{log}")


def _is_ready(client: Client) -> bool:
    try:
        client.get("/readyz")
    except PlumblineError:
        return False
    return True
