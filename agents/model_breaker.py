"""Leaves a model alone that does not answer, so that an outage costs a few investigations their time, not all."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agents.model import Model, ModelAnswer, ModelUnavailable
from graph.document import Object

_FAILURES = 3
"""As many in a row are an outage, not a hiccup."""
_REST_S = 60.0


class Breaker:
    """A model that is not asked for a minute after several failures in a row; then one request tries it again."""

    def __init__(self, model: Model, *, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns seconds since some fixed point."""
        self._model = model
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until = 0.0

    @property
    def name(self) -> str:
        return self._model.name

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        with self._lock:
            if self._failures >= _FAILURES and self._monotonic() < self._rests_until:
                raise ModelUnavailable(
                    f"model {self.name!r} failed {self._failures} times and is left alone for a while"
                )
            # Whoever comes now tries; the others rest until it is known whether the model is back.
            self._rests_until = self._monotonic() + _REST_S
        try:
            answer = self._model.answer(system=system, user=user, schema=schema)
        except ModelUnavailable:
            with self._lock:
                self._failures += 1
            raise
        with self._lock:
            self._failures = 0
        return answer
