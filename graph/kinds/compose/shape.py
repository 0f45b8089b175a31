"""The one long form of a Compose service, whatever short forms its file uses. Resolves no variable and no file.

`docker compose config` prints this form; the rules are those of https://github.com/compose-spec/compose-spec.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from graph.document import Json, Object
from graph.errors import Invalid
from graph.kinds.compose.variables import MARK

_PORT: Final = re.compile(
    r"(?:(?:(?P<ip>\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(?P<published>[0-9\-]*):)?(?P<target>[0-9]+(?:-[0-9]+)?)"
    r"(?:/(?P<protocol>[a-z]+))?"
)
_UNITS: Final = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", re.IGNORECASE)
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|s|m|h))+")
_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)")
_MOST_PORTS: Final = 1000
"""A range may cover all 65,535 ports; so many entries help nobody."""
_SIZES: Final = frozenset({"mem_limit", "mem_reservation", "memswap_limit", "shm_size", "memory"})
_DURATIONS: Final = frozenset({"interval", "timeout", "start_period", "start_interval", "stop_grace_period", "delay"})


def long_form(service: Object) -> Object:
    """Return a service in its long form.

    Raises:
        Invalid: a field has a form that Compose does not know.
    """
    found: Object = {}
    for key, value in service.items():
        try:
            found[key] = _FIELDS[key](value) if key in _FIELDS else _measured(key, value)
        except Invalid as error:
            raise Invalid(f"{key}: {error.reason}") from error
    return found


def _mapping(value: Json) -> Object:
    """`[A=1, B]` or `{A: 1, B: null}` to a mapping of texts; None stands for "as in the environment"."""
    if isinstance(value, list):
        pairs = [str(item).partition("=") for item in value]
        return {name: content if separator else None for name, separator, content in pairs}
    if isinstance(value, dict):
        return {name: None if content is None else plain(content) for name, content in value.items()}
    if value is None:
        return {}
    raise _wrong(value, "a mapping or a list of NAME=VALUE")


def plain(value: Json) -> str:
    """Return a scalar as the text that a container gets of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _labels(value: Json) -> Object:
    return {name: content or "" for name, content in _mapping(value).items()}


def _words(value: Json) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            raise Invalid(f"a command that can't be split into words: {error}") from error
    return _texts(value)


def _texts(value: Json) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [plain(item) for item in many if item is not None]


def _ports(value: Json) -> list[Object]:
    return [port for entry in _list(value) for port in _port(entry)]


def _port(entry: Json) -> Iterator[Object]:
    if isinstance(entry, dict):
        port = {k: v for k, v in entry.items() if k in {"target", "published", "protocol", "host_ip"} and v != ""}
        port = {k: plain(v) if k != "target" else v for k, v in port.items()}
        yield {"protocol": "tcp", **port}
        return
    match = _PORT.fullmatch(plain(entry))
    if not match and MARK in plain(entry):
        yield {"as_written": entry}
        return
    if not match:
        raise Invalid(f"{entry!r} is no port")
    targets, published = _range(match["target"]), _range(match["published"] or "")
    base = {"protocol": match["protocol"] or "tcp", **({"host_ip": match["ip"].strip("[]")} if match["ip"] else {})}
    for index, target in enumerate(targets):
        if len(published) == len(targets):
            yield {"target": target, "published": str(published[index]), **base}
        else:
            yield {"target": target, **({"published": match["published"]} if match["published"] else {}), **base}


def _range(text: str) -> list[int]:
    if not text:
        return []
    first, _, last = text.partition("-")
    start, end = int(first or 0), int(last or first or 0)
    if not start <= end < 65536 or end - start >= _MOST_PORTS:
        raise Invalid(f"{text!r} is no range of ports")
    return list(range(start, end + 1))


def _volumes(value: Json) -> list[Object]:
    return [_volume(entry) for entry in _list(value)]


def _volume(entry: Json) -> Object:
    if isinstance(entry, dict):
        kept = {k: v for k, v in entry.items() if v not in (None, {}, False)}
        if isinstance(kept.get("bind"), dict):
            # `docker compose config` writes out a default here.
            bind = {k: v for k, v in kept["bind"].items() if k != "create_host_path"}
            kept = {**{k: v for k, v in kept.items() if k != "bind"}, **({"bind": bind} if bind else {})}
        return kept
    if MARK in plain(entry):
        return {"as_written": entry}
    parts = plain(entry).split(":")
    if len(parts) == 1:
        return {"type": "volume", "target": parts[0]}
    if len(parts) > 3:
        raise Invalid(f"{entry!r} is no volume")
    is_path = parts[0].startswith((".", "/", "~"))
    volume: Object = {"type": "bind" if is_path else "volume", "source": parts[0], "target": parts[1]}
    options = parts[2].split(",") if len(parts) == 3 else []
    return {**volume, **({"read_only": True} if "ro" in options else {})}


def _networks(value: Json) -> Object:
    if isinstance(value, list):
        return {plain(name): {} for name in value}
    return {name: options or {} for name, options in _dict(value).items()}


def _depends_on(value: Json) -> Object:
    named = dict.fromkeys(map(plain, value)) if isinstance(value, list) else _dict(value)
    return {
        name: {"condition": "service_started", "required": True, **(options if isinstance(options, dict) else {})}
        for name, options in named.items()
    }


def _files(value: Json) -> list[Object]:
    """`secrets` and `configs` of a service."""
    return [entry if isinstance(entry, dict) else {"source": plain(entry)} for entry in _list(value)]


def _build(value: Json) -> Object:
    build: Object = {"context": value} if isinstance(value, str) else dict(_dict(value))
    if "args" in build:
        build["args"] = _mapping(build["args"])
    return {"dockerfile": "Dockerfile", **build}


def _healthcheck(value: Json) -> Object:
    check = {key: _measured(key, item) for key, item in _dict(value).items()}
    test = check.get("test")
    if isinstance(test, str):
        check["test"] = ["CMD-SHELL", test]
    if check.pop("disable", None) is True:
        check["test"] = ["NONE"]
    return check


def _hosts(value: Json) -> list[str]:
    if isinstance(value, dict):
        return sorted(f"{name}={address}" for name, many in value.items() for address in _texts(many))
    return sorted(re.sub(r"^([^=:]+)[=:]", r"\1=", text) for text in _texts(value))


def _env_files(value: Json) -> list[Object]:
    many = value if isinstance(value, list) else [value]
    return [one if isinstance(one, dict) else {"path": plain(one), "required": True} for one in many if one]


def _restart(value: Json) -> str:
    return "no" if value in (False, None) else plain(value)


def _measured(key: str, value: Json) -> Json:
    """Bring sizes and durations of a field, and of what is below it, into plain numbers of bytes and seconds."""
    if isinstance(value, dict):
        return {inner: _measured(inner, item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_measured("", item) for item in value]
    if key in _SIZES and (match := _SIZE.fullmatch(plain(value))) and match[2].lower() in _UNITS:
        return int(float(match[1]) * _UNITS[match[2].lower()])
    if key in _DURATIONS and isinstance(value, str) and _DURATION.fullmatch(value):
        scale = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
        return sum(float(number) * scale[unit] for number, unit in _DURATION_PART.findall(value))
    if key == "cpus" and isinstance(value, str) and re.fullmatch(r"[0-9]*\.?[0-9]+", value):
        return float(value)
    return value


def _list(value: Json) -> list[Json]:
    if value is not None and not isinstance(value, list):
        raise _wrong(value, "a list")
    return value or []


def _dict(value: Json) -> Mapping[str, Json]:
    if value is not None and not isinstance(value, dict):
        raise _wrong(value, "a mapping")
    return value or {}


def _wrong(value: Json, wanted: str) -> Invalid:
    return Invalid(f"{str(value)[:60]!r} stands where {wanted} should")


_FIELDS: Final[Mapping[str, Callable[[Json], Json]]] = {
    "build": _build,
    "cap_add": lambda value: sorted(_texts(value)),
    "cap_drop": lambda value: sorted(_texts(value)),
    "command": _words,
    "configs": _files,
    "depends_on": _depends_on,
    "dns": _texts,
    "entrypoint": _words,
    "env_file": _env_files,
    "environment": _mapping,
    "expose": lambda value: sorted(_texts(value)),
    "extra_hosts": _hosts,
    "healthcheck": _healthcheck,
    "labels": _labels,
    "links": _texts,
    "networks": _networks,
    "ports": _ports,
    "restart": _restart,
    "secrets": _files,
    "tmpfs": _texts,
    "volumes": _volumes,
}
"""Field of a service to what brings it into the long form. The deep parts of `deploy` have one form only."""
