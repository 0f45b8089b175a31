"""A model that does not answer holds up nothing but its own comments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agents.model import ModelAnswer, ModelUnavailable
from app.model_turns import AT_ONCE, ModelInTurns
from graph.document import Object

_PATIENCE_S = 10.0


class _Silent:
    """A model that answers when it is let."""

    name = "m"

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.let = threading.Event()

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        self.asked.release()
        assert self.let.wait(_PATIENCE_S)
        raise ModelUnavailable("no answer")


def test_is_asked_a_few_questions_at_a_time() -> None:
    """What is asked beyond them is told at once that the model is busy; each call is made aside."""
    silent, aside = _Silent(), threading.Semaphore(0)

    @contextmanager
    def stepped_aside() -> Iterator[None]:
        aside.release()
        yield

    model = ModelInTurns(silent, aside=stepped_aside)

    def ask() -> None:
        with pytest.raises(ModelUnavailable, match="no answer"):
            model.answer(system="", user="", schema={})

    threads = [threading.Thread(target=ask) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    assert all(silent.asked.acquire(timeout=_PATIENCE_S) for _ in threads)
    assert all(aside.acquire(timeout=_PATIENCE_S) for _ in threads)
    with pytest.raises(ModelUnavailable, match="busy"):
        model.answer(system="", user="", schema={})
    silent.let.set()
    for thread in threads:
        thread.join(_PATIENCE_S)
    ask()
