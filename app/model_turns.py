"""Keeps a slow language model from holding up the diagnoses that need none: it waits aside, a few calls at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from agents.model import Model, ModelAnswer, ModelUnavailable
from graph.document import Object

AT_ONCE = 4
"""Calls at a time. Each holds a thread, and for so long that during a storm of alerts more would only queue up."""


class ModelInTurns:
    """A model that is asked a few questions at a time, and meanwhile leaves its worker's place to another."""

    def __init__(self, model: Model, *, aside: Callable[[], AbstractContextManager[None]]) -> None:
        """`aside` is entered for the time of a call."""
        self._model = model
        self._aside = aside
        self._free = threading.BoundedSemaphore(AT_ONCE)

    @property
    def name(self) -> str:
        return self._model.name

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        """Ask, unless too many questions wait for their answers.

        Raises:
            ModelUnavailable: it gave no usable answer, or is busy.
        """
        if not self._free.acquire(blocking=False):
            raise ModelUnavailable(f"model {self.name!r} is busy with {AT_ONCE} other questions")
        try:
            with self._aside():
                return self._model.answer(system=system, user=user, schema=schema)
        finally:
            self._free.release()
