"""How a command ends: with its answer, for people or for machines, or with one line that says what went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


def show(value: Any, as_json: bool, for_people: Callable[[Any], None]) -> None:
    """Print an answer."""
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        for_people(value)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show on a terminal that something takes its time; nothing elsewhere, and never among the answers."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def fail(message: str, *, code: int = 2) -> NoReturn:
    """End the command with one line on standard error."""
    print(f"plumbline: {message}", file=sys.stderr)
    sys.exit(code)
