"""A model that does not answer is left alone for a while."""

from __future__ import annotations

import pytest

from agents.model import ModelAnswer, ModelUnavailable
from agents.model_breaker import Breaker
from graph.document import Object


class _Flaky:
    name = "m"

    def __init__(self) -> None:
        self.is_up = False
        self.asked = 0

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        self.asked += 1
        if not self.is_up:
            raise ModelUnavailable("model 'm' gave no answer: time-out")
        return ModelAnswer(content={}, prompt_tokens=1, completion_tokens=1)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _ask(breaker: Breaker) -> ModelAnswer:
    return breaker.answer(system="s", user="u", schema={})


def _fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            _ask(breaker)


def test_three_failures_in_a_row_end_the_asking() -> None:
    """After the third failure nobody waits for the model any more."""
    model, clock = _Flaky(), _Clock()
    _fail(Breaker(model, monotonic=clock), 6)
    assert model.asked == 3


def test_one_request_tries_again_after_a_minute() -> None:
    """When the rest is over, the model is asked once; while it still fails, the others go on resting."""
    model, clock = _Flaky(), _Clock()
    breaker = Breaker(model, monotonic=clock)
    _fail(breaker, 3)
    clock.now = 61
    _fail(breaker, 3)
    assert model.asked == 4


def test_an_answer_ends_the_rest() -> None:
    """A model that is back is asked as before."""
    model, clock = _Flaky(), _Clock()
    breaker = Breaker(model, monotonic=clock)
    _fail(breaker, 3)
    clock.now, model.is_up = 61, True
    assert _ask(breaker).content == {}
    model.is_up = False
    _fail(breaker, 2)
    assert model.asked == 6
