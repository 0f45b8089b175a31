"""Docker Compose files of a tree to documents: which files make a project, what they include, extend and read.

Variables come from the project's `.env` alone, never from this process. Files outside of the tree are not read.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from graph.document import Json, Object
from graph.errors import Invalid
from graph.kinds.compose.merge import combine, extended
from graph.kinds.compose.project import SECTIONS, documents, is_compose, project_name, resource
from graph.kinds.compose.shape import long_form
from graph.kinds.compose.variables import fill, read_variables
from graph.version import Document, Origin, Unreadable
from tools.adapters.documents import Broken, decode, read_documents
from tools.adapters.file_tree import FileTree
from tools.adapters.rendering import Found, Held, Rendering
from tools.adapters.yaml_scalars import resolve_core

_BASES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""Names that Compose looks for, in this order."""
_VARIANT: Final = re.compile(r"(?:docker-)?compose[.-][\w.-]+\.ya?ml")
_MAX_BYTES: Final = 2**20
_MAX_FILES: Final = 100
_MAX_PORTS: Final = 20_000
"""Published ports of one project, ranges counted in full."""
_LOST_TAGS: Final = re.compile(r"!(?:reset|override)\b")
_KEY: Final = re.compile(r"""^( *)["']?([\w.-]+)["']?\s*:""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRun:
    """How one project is started."""

    files: tuple[str, ...]
    """Compose files below the root of the tree, in the order of `-f`."""
    name: str = ""
    """Name of the project; when empty the one that its files or its folder give."""
    profiles: frozenset[str] = frozenset()
    """Profiles that are switched on."""


def read_projects(tree: FileTree, runs: Sequence[ComposeRun], *, folder_name: str, salt: bytes) -> Rendering:
    """Read the Compose projects of a tree.

    Args:
        tree: files that hold projects or not.
        runs: which files make a project; empty: those that `docker compose` finds by itself in each folder.
        folder_name: what the root of the tree is called, for a project there.
        salt: key of the hashes that stand for secret values.
    """
    found: list[Found] = []
    covered = {p for p in tree.paths() if is_compose_file(p)}
    for run in runs or _found(tree):
        project = _Project(tree, run, folder_name, salt)
        try:
            found += project.read()
        except Invalid as error:
            where = error.where or run.files[0]
            found.append(Unreadable(where=where, line=error.line, reason=f"Compose project: {error.reason}"))
        covered |= project.texts.keys()
    held = Held.of(found)
    return Rendering(bundles=(held.bundle,), faults=held.faults, covered=frozenset(covered))


def is_compose_file(path: str) -> bool:
    """Whether Compose would take a file for its own by its name, variants for `-f` among them."""
    name = posixpath.basename(path)
    return name in _BASES or bool(_VARIANT.fullmatch(name))


def read_alone(data: bytes, path: str, *, folder_name: str, salt: bytes) -> Iterator[Document]:
    """Yield what one file declares without the files beside it: variables that `.env` would give keep their text.

    Raises:
        Invalid: it can't be read.
    """
    project = _Project(_OneFile(path, data), ComposeRun(files=(path,)), folder_name, salt)
    yield from (one for one in project.read() if isinstance(one, Document))


class _OneFile:
    """A tree of one file that is at hand."""

    def __init__(self, path: str, data: bytes) -> None:
        self.label = path
        self._path = path
        self._data = data

    def paths(self) -> Sequence[str]:
        return (self._path,)

    def faults(self) -> Sequence[Unreadable]:
        return ()

    def read(self, path: str, *, limit: int) -> bytes:
        if len(self._data) > limit:
            raise Invalid(f"larger than {limit >> 10} KiB", where=path)
        return self._data

    def fingerprint(self, path: str) -> str:
        return hashlib.sha256(self._data).hexdigest() if path == self._path else ""

    def on_disk(self, paths: Iterable[str]) -> AbstractContextManager[Path]:
        raise NotImplementedError(f"nothing renders {list(paths)}")


def _found(tree: FileTree) -> Iterator[ComposeRun]:
    paths = tree.paths()
    if len(paths) == 1 and _looks_like_compose(tree, paths[0]):
        yield ComposeRun(files=(paths[0],))
        return
    names: dict[str, set[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        names.setdefault(folder, set()).add(name)
    for folder, here in names.items():
        base: str | None = next((name for name in _BASES if name in here), None)
        variants = [name for name in here if _VARIANT.fullmatch(name)]
        if base is None and len(variants) == 1:
            base = variants[0]
        if base is not None:
            stem, _, suffix = base.rpartition(".")
            override = next((n for n in (f"{stem}.override.{suffix}", f"{stem}.override.yml") if n in here), None)
            files = (base,) if override in {None, base} else (base, override or "")
            yield ComposeRun(files=tuple(posixpath.join(folder, name) for name in files))


def _looks_like_compose(tree: FileTree, path: str) -> bool:
    if not path.endswith((".yaml", ".yml", ".json")):
        return False
    try:
        parts = list(read_documents(tree.read(path, limit=_MAX_BYTES), name=path))
    except Invalid:
        return False
    return len(parts) == 1 and not isinstance(parts[0], Broken) and is_compose(parts[0].value)


@dataclass(slots=True)
class _Project:
    tree: FileTree
    run: ComposeRun
    folder_name: str
    salt: bytes
    texts: dict[str, str] = field(default_factory=dict)
    """Every Compose file that was read, by path."""
    faults: list[Unreadable] = field(default_factory=list)
    _bodies: dict[str, Object] = field(default_factory=dict)
    _variables: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> list[Found]:
        """Return what the project declares.

        Raises:
            Invalid: a file is missing or can't be read, so that nothing is known of the project.
        """
        folder = posixpath.dirname(self.run.files[0])
        self._variables = self._env(posixpath.join(folder, ".env"))
        files = self.run.files
        if len(files) == 1 and (listed := self._variables.get("COMPOSE_FILE")):
            files = tuple(self._path(folder, one) for one in listed.split(":"))
        whole: Object = {}
        origins: dict[tuple[str, str], Origin] = {}
        broken: dict[str, Invalid] = {}
        for path in self._with_included(files):
            sections = self._sections(path, broken)
            whole = dict(combine(whole, sections))
            origins |= {(section, key): Origin(file=path) for section, many in sections.items() for key in many}
            origins |= dict(_origins(path, self.texts[path]))
        name = self.run.name or self._name(files, folder)
        for service, error in broken.items():
            whole.get("services", {}).pop(service, None)
            origin = origins.get(("services", service), Origin(file=files[0]))
            self.faults.append(
                Unreadable(
                    where=error.where or origin.file,
                    line=origin.line,
                    resource=resource(name, "service", service),
                    reason=error.reason,
                )
            )
        self._switch_on(whole)
        found = list(documents(whole, name=name, salt=self.salt, origins=origins))
        return [*found, *(replace(f, resource=_of(f, name)) for f in self.faults)]

    def _name(self, files: Sequence[str], folder: str) -> str:
        named = [str(body["name"]) for path in files if (body := self._body(path)).get("name")]
        given = self._variables.get("COMPOSE_PROJECT_NAME")
        return (
            project_name(given or (named[-1] if named else posixpath.basename(folder) or self.folder_name)) or "default"
        )

    def _switch_on(self, whole: Object) -> None:
        given = self._variables.get("COMPOSE_PROFILES", "")
        on = self.run.profiles | {p.strip() for p in given.split(",") if p.strip()}
        for service in (whole.get("services") or {}).values():
            if on.intersection(service.get("profiles") or ()) or "*" in on:
                service.pop("profiles")

    def _with_included(self, files: Sequence[str]) -> list[str]:
        """Return the files and those that they include, the included ones first."""
        ordered: list[str] = []
        for path in files:
            folder = posixpath.dirname(path)
            if path in ordered:
                continue
            if len(self.texts) > _MAX_FILES:
                raise Invalid(f"more than {_MAX_FILES} files include one another", where=path)
            self._body(path)
            for entry in _list(self._body(path).get("include")):
                included = entry.get("path") if isinstance(entry, dict) else entry
                many = [self._path(folder, str(one)) for one in _list(included)]
                ordered += [
                    p for p in self._with_included([p for p in many if p not in self.texts]) if p not in ordered
                ]
            ordered.append(path)
        return ordered

    def _body(self, path: str) -> Object:
        if path in self._bodies:
            return self._bodies[path]
        if path not in self.tree.paths():
            raise Invalid(f"the file {path!r} does not exist in {self.tree.label!r}")
        text = self.texts[path] = decode(self.tree.read(path, limit=_MAX_BYTES))
        if found := _LOST_TAGS.search(text):
            line = text.count("\n", 0, found.start()) + 1
            raise Invalid(f"the tag {found[0]} is not supported", where=path, line=line)
        parts = list(read_documents(text.encode(), name=path, plain=resolve_core))
        first = parts[0] if parts else None
        if isinstance(first, Broken):
            raise Invalid(first.reason, where=path, line=first.line)
        if len(parts) > 1 or (first is not None and not isinstance(first.value, dict | None)):
            raise Invalid("is no single YAML mapping", where=path)
        body: Object = (first.value or {}) if first is not None else {}
        self._bodies[path] = body
        return body

    def _sections(self, path: str, broken: dict[str, Invalid]) -> Object:
        body = self._body(path)
        sections: Object = {}
        for section in SECTIONS:
            given = body.get(section)
            if given is not None and not isinstance(given, dict):
                raise Invalid(f"`{section}` is no mapping", where=path)
            if section != "services":
                sections[section] = fill(given or {}, self._variables)
                continue
            sections[section] = {}
            ports = 0
            for name in given or {}:
                try:
                    one = extended(self._service(path, name), path, self._service)
                    ports += len(one.get("ports") or ())
                    sections[section][name] = one
                except Invalid as error:
                    broken[name] = error
                if ports > _MAX_PORTS:
                    raise Invalid(f"more than {_MAX_PORTS} ports are published", where=path)
        return sections

    def _service(self, path: str, name: str) -> Object:
        services = self._body(path).get("services")
        if not isinstance(services, dict) or name not in services:
            raise Invalid(f"there is no service {name!r} in {path!r}")
        raw = services[name] or {}
        if not isinstance(raw, dict):
            raise Invalid(f"service {name!r} is no mapping", where=path)
        service = long_form(fill(raw, self._variables))
        folder = posixpath.dirname(path)
        extends = service.get("extends")
        if isinstance(extends, dict) and extends.get("file"):
            service["extends"] = {**extends, "file": self._path(folder, str(extends["file"]))}
        given: dict[str, str] = {}
        for entry in service.pop("env_file", ()):
            given |= self._env_file(path, folder, name, entry)
        if given:
            service["environment"] = {**given, **(service.get("environment") or {})}
        if "environment" in service:
            known = self._variables
            service["environment"] = {
                k: known.get(k) if v is None else v for k, v in (service["environment"] or {}).items()
            }
        return service

    def _env_file(self, path: str, folder: str, service: str, entry: Object) -> Mapping[str, str]:
        where = self._path(folder, str(entry.get("path")))
        if where in self.tree.paths():
            return dict(fill(self._env(where), self._variables))
        if entry.get("required", True):
            reason = f"its env_file {where!r} is not there, so the variables from it are not known"
            one = resource("", "service", service)
            fault = Unreadable(where=path, reason=reason, resource=one, is_read=True)
            if fault not in self.faults:
                self.faults.append(fault)
        return {}

    def _env(self, path: str) -> dict[str, str]:
        if path not in self.tree.paths():
            return {}
        try:
            return read_variables(decode(self.tree.read(path, limit=_MAX_BYTES)))
        except Invalid as error:
            raise Invalid(error.reason, where=path, line=error.line) from error

    def _path(self, folder: str, reference: str) -> str:
        path = posixpath.normpath(posixpath.join(folder, reference))
        if path.startswith(("../", "/")) or path == "..":
            raise Invalid(f"refers to {reference!r}, which lies outside of the folder that is read")
        return path


def _of(fault: Unreadable, project: str) -> Json:
    one = fault.resource
    return resource(project, one.kind, one.name) if one else None


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _origins(path: str, text: str) -> Iterator[tuple[tuple[str, str], Origin]]:
    """Yield (section, name) and origin of each entry of a file; flow style and JSON show no lines."""
    section, indent = "", ""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _KEY.match(line)
        if match and not match[1]:
            section, indent = match[2], ""
        elif match and section in SECTIONS:
            indent = indent or match[1]
            if match[1] == indent:
                yield (section, match[2]), Origin(file=path, line=number)
