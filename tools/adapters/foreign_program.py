"""Runs a program on input that nobody vouches for: bounded time, memory and output, no network, no credentials."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from graph.errors import Invalid

_LIMITER: Final = Path(__file__).with_name("limited_exec.py")
_DEAD_PROXY: Final = "http://127.0.0.1:9"
"""The discard port: nothing listens, so a request that slips through fails at once."""
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_MAX_ERROR_BYTES: Final = 64 * 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may take."""

    seconds: int = 30
    """Of the clock, and of processor time."""
    memory_bytes: int = 2**30
    output_bytes: int = 64 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run gave."""

    output: bytes
    error: str
    """What it wrote on its error channel, in one line, at most 64 KiB."""
    is_success: bool


def run(command: Sequence[str], *, name: str, limits: Limits, given: bytes = b"") -> Finished:
    """Run a program to its end.

    Args:
        command: absolute path of the program, and its arguments. No shell is involved.
        name: what to call it in messages.
        limits: what it may take.
        given: its standard input.

    Raises:
        Invalid: it could not be started, or went beyond a limit; the message names which.
    """
    numbers = (limits.memory_bytes, limits.seconds + 1, limits.output_bytes)
    limited = [sys.executable, "-I", "-S", str(_LIMITER), *map(str, numbers), *command]
    # Files and not pipes: their size has a limit, and nothing of them is in memory before it is known.
    with (
        tempfile.TemporaryDirectory(prefix="plumbline-") as empty,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        proxies = {n: _DEAD_PROXY for proxy in _PROXIES for n in (proxy, proxy.lower())}
        environment = {"HOME": empty, "TMPDIR": empty, "PATH": "", "KUBECONFIG": f"{empty}/none", **proxies}
        try:
            done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
                limited,
                input=given,
                stdout=output,
                stderr=errors,
                timeout=limits.seconds,
                env=environment,
                cwd=empty,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Invalid(f"{name} gave nothing within {limits.seconds} s") from error
        except OSError as error:
            raise Invalid(f"{name} could not be started: {error.strerror}") from error
        written, said = _content(output, limits.output_bytes), _content(errors, _MAX_ERROR_BYTES)
    message = " ".join(said.decode("utf-8", "replace").split())
    _check_limits(name, limits, done.returncode, len(written), message)
    return Finished(output=written, error=message, is_success=done.returncode == 0)


def _content(file: IO[bytes], limit: int) -> bytes:
    file.seek(0)
    return file.read(limit)


def _check_limits(name: str, limits: Limits, code: int, written: int, message: str) -> None:
    if written >= limits.output_bytes:
        raise Invalid(f"{name} gave more than {limits.output_bytes >> 20} MiB")
    # A program in Go ends itself when memory is refused to it; Python raises; others die of a signal.
    if code != 0 and any(words in message for words in ("out of memory", "cannot allocate", "MemoryError")):
        raise Invalid(f"{name} needs more than {limits.memory_bytes >> 20} MiB of memory")
    if code < 0:
        raise Invalid(f"{name} was ended by signal {-code}")
