"""Starts the service, with the executor beside it as a process of its own, and says where to find it."""

from __future__ import annotations

import gc
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import yaml

from app.settings import Settings, load_settings
from app.store.users import Role, User, Users
from app.wiring import Service, Store, now, open_store
from graph.document import Object
from graph.errors import Conflict, NotFound, Unreachable

_log = structlog.get_logger(__name__)

_DEMO_PEOPLE = {
    "viewer": ("vera", Role.VIEWER),
    "responder": ("remy", Role.RESPONDER),
    "approver": ("alma", Role.APPROVER),
    "approver_2": ("boris", Role.APPROVER),
    "admin": ("ada", Role.ADMIN),
}
"""Who signs in to the demo: the key in `credentials.json`, the name, the role."""


def serve(
    *,
    demo: bool,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    with_executor: bool,
    trigger: str | None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        Unreachable: the address is taken.
        NotFound: there is no demo incident of that name.
    """
    _log_to_stderr()
    options: dict[str, object] = {"data_dir": data_dir, "host": host, "port": port}
    settings = load_settings(**{k: v for k, v in options.items() if v is not None})
    if trigger:
        _known_scenario(trigger)
    listener = _listen(settings.host, settings.port, or_any=demo and port is None)
    address = settings.base_url or f"http://{_reachable(settings.host)}:{listener.getsockname()[1]}"
    store_settings = settings.model_copy(update={"base_url": address})
    store = open_store(store_settings)
    if demo:
        store_settings = _with_demo(store_settings, store)
    service = Service(store_settings, store)
    if demo:
        _say(f"Plumbline serves the demo estate at {address}")
        if not trigger:
            _say_demo_login(store, address)
            _say("Make an incident happen: `plumbline demo list` names them, `plumbline demo trigger NAME` does it.")
    else:
        _say(
            f"Plumbline serves {', '.join(e.name for e in settings.environments) or 'no environment yet'} at {address}"
        )
        if not store.users.list():
            _say_first_login(store, address)
    starting = service.services.starting
    with _executor_process(store_settings, demo=demo, starting=starting) if with_executor else _nothing():
        if trigger:
            threading.Thread(
                target=_trigger_and_tell, args=(trigger, store_settings, service, address), daemon=True
            ).start()
        _run(service, listener, quiet=demo)


def _run(service: Service, listener: socket.socket, *, quiet: bool) -> None:
    from app.main import create_app
    from app.web.pages import problem_page, router
    from graph.kinds.aws.actions import installed

    # What was imported stays: looking at it in every collection costs a tenth of the start.
    gc.collect()
    gc.freeze()
    service.start()
    # The first diagnosis that compares grants would wait for it, somebody at night with it.
    threading.Thread(target=installed, name="aws-actions", daemon=True).start()
    try:
        config = uvicorn.Config(
            create_app(service.services, web=router, problem_page=problem_page),
            log_level="warning" if quiet else "info",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
        )
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        service.stop()


def _listen(host: str, port: int, *, or_any: bool) -> socket.socket:
    """Bind the address; with `or_any`, a free port when that one is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if or_any:
            _say(f"Port {port} is taken; taking a free one.")
            return _listen(host, 0, or_any=False)
        raise Unreachable(f"can't listen on {host}:{port}: {error.strerror}. Choose another with --port.") from error
    listener.listen(512)
    return listener


def _with_demo(settings: Settings, store: Store) -> Settings:
    """Build the demo estate and its people, and write `credentials.json` and the executor's own file."""
    from app.demo.build import build, environment_config, is_built

    if not is_built(settings.data_dir):
        _say(f"Building the demo estate in {settings.data_dir}; this takes some seconds, once.")
    build(settings.data_dir, now=now())
    known = _read_json(settings.data_dir / "credentials.json")
    webhook_secrets = known.get("webhook_secrets") or {
        sender: secrets.token_hex(24) for sender in ("pagerduty", "opsgenie", "alertmanager", "changes")
    }
    tokens = _demo_tokens(store.users, known.get("tokens") or {})
    _write_private(
        settings.data_dir / "credentials.json",
        {
            "base_url": settings.base_url,
            "tokens": tokens,
            "users": {key: name for key, (name, _) in _DEMO_PEOPLE.items()},
            "webhook_secrets": webhook_secrets,
            "environment": environment_config(settings.data_dir)["name"],
            "estate": str((settings.data_dir / "demo" / "estate").resolve()),
        },
    )
    _write_private(
        settings.data_dir / "executor.yaml",
        {
            "targets": [
                {
                    "type": "estate",
                    "environment": environment_config(settings.data_dir)["name"],
                    "path": str(settings.data_dir / "demo" / "estate"),
                }
            ]
        },
    )
    return load_settings(
        **settings.model_dump(exclude={"environments", "webhooks"}),
        environments=[environment_config(settings.data_dir)],
        webhooks={
            "pagerduty_secrets": [webhook_secrets["pagerduty"]],
            "opsgenie_secrets": [webhook_secrets["opsgenie"]],
            "alertmanager_secrets": [webhook_secrets["alertmanager"]],
            "change_keys": [webhook_secrets["changes"]],
        },
    )


def _demo_tokens(users: Users, known: Object) -> Object:
    """Make the people of the demo, and tokens for those who have none that works."""
    tokens = {}
    for key, (name, role) in _DEMO_PEOPLE.items():
        try:
            person = users.create(name, role)
        except Conflict:
            person = users.get(name)
        works = known.get(key) and users.by_token(known[key])
        tokens[key] = known[key] if works else users.issue_token(person)
    return tokens


@contextmanager
def _executor_process(settings: Settings, *, demo: bool, starting: Callable[[], str]) -> Iterator[None]:
    """Run the executor beside the service once that has started, and start it again when it dies.

    Only the executor's environment names the file with its write access.
    """
    own = settings.data_dir / "executor.yaml" if demo else os.environ.pop("PLUMBLINE_EXECUTOR_CONFIG", None)
    if own is None:
        _say("No executor: PLUMBLINE_EXECUTOR_CONFIG names no file. Approved actions wait until one runs.")
        yield
        return
    environment = {**os.environ, "PLUMBLINE_EXECUTOR_CONFIG": str(own), **_settings_for_executor(settings, demo=demo)}
    keeper = _Keeper([sys.executable, "-m", "app.cli", "executor", "--until-eof"], environment, starting)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()


def _settings_for_executor(settings: Settings, *, demo: bool) -> dict[str, str]:
    variables = {"PLUMBLINE_DATA_DIR": str(settings.data_dir.resolve())}
    if demo:
        environments = [e.model_dump(mode="json") for e in settings.environments]
        variables["PLUMBLINE_ENVIRONMENTS"] = json.dumps(environments)
    return variables


_SERVICE_FIRST_S = 10.0
"""A source that answers slowly must not keep approved actions waiting for longer."""


class _Keeper(threading.Thread):
    """Keeps one child process running."""

    def __init__(self, command: list[str], environment: dict[str, str], starting: Callable[[], str]) -> None:
        """`starting` says what the service still waits for: with two cores, starting both at once slows both."""
        super().__init__(name="executor-keeper", daemon=True)
        self._starting = starting
        self._command = command
        self._environment = environment
        self._stopping = threading.Event()
        self._spawning = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        patience = time.monotonic() + _SERVICE_FIRST_S
        while self._starting() and time.monotonic() < patience and not self._stopping.wait(0.1):
            pass
        while (child := self._spawn()) is not None:
            code = child.wait()
            if not self._stopping.is_set():
                _log.error("executor_ended", code=code)
                self._stopping.wait(2)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._spawning:
            if self._stopping.is_set():
                return None
            # A session of its own, so that Ctrl-C reaches the service first and the plan at hand can end. The pipe ends
            # with this process, in whatever way it dies, and that ends the child.
            self._child = subprocess.Popen(  # noqa: S603  (our own command)
                self._command, env=self._environment, start_new_session=True, stdin=subprocess.PIPE
            )
            return self._child

    def stop(self) -> None:
        """Ask the child to end after what it does now, and wait a while."""
        with self._spawning:
            self._stopping.set()
        if self._child and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(15)
            except subprocess.TimeoutExpired:
                self._child.kill()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _trigger_and_tell(name: str, settings: Settings, service: Service, address: str) -> None:
    """Make a demo incident happen, wait for its diagnosis, and say it all in the terminal."""
    from app.demo.trigger import trigger_and_wait
    from app.terminal import print_incident

    while service.services.starting():
        time.sleep(0.05)
    incident = trigger_and_wait(name, data_dir=settings.data_dir)
    print_incident(incident)
    _say("")
    _say_demo_login(service.store, address)


def _say_demo_login(store: Store, address: str) -> None:
    person = store.users.get(_DEMO_PEOPLE["approver"][0])
    code = store.users.one_time_code(person, now() + timedelta(hours=8))
    _say(f"Open {address}/login/{code}")
    _say(f"The link signs you in once, as {person.name}, who may approve. Ctrl-C ends the service.")


def _say_first_login(store: Store, address: str) -> None:
    """Nobody has access yet: make an administrator, and print a link that works once."""
    admin: User = store.users.create("admin", Role.ADMIN)
    code = store.users.one_time_code(admin, now() + timedelta(hours=1))
    _say(f"Open {address}/login/{code} within the hour to sign in as admin; add people with `plumbline user add`.")


def _known_scenario(name: str) -> None:
    from app.demo.scenarios import SCENARIOS

    if name not in SCENARIOS:
        raise NotFound(f"there is no demo incident {name!r}; there are: {', '.join(SCENARIOS)}")


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  (compared with, not bound to)


def _read_json(path: Path) -> Object:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_private(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=2) if path.suffix == ".json" else yaml.safe_dump(content)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _log_to_stderr() -> None:
    # The default renderer prints the values of local variables, among which a credential may be.
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%SZ", utc=True),
            structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        # Looked up each time: whoever runs this inside another program may replace the stream.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _say(text: str) -> None:
    print(text, flush=True)
