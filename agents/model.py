"""Port to a language model. What it says is a suggestion about evidence, never a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from graph.document import Object
from graph.errors import OutsideError


class ModelUnavailable(OutsideError):
    """The model gave no usable answer in time. The investigation goes on without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """A JSON object as the model wrote it; its content is not validated against the schema."""

    content: Object
    prompt_tokens: int
    completion_tokens: int


class Model(Protocol):
    """A language model that answers with a JSON object."""

    @property
    def name(self) -> str: ...

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        """Ask once.

        Args:
            system: our instructions.
            user: our question, with data from outside fenced.
            schema: JSON schema of the answer; a server may ignore it.

        Raises:
            ModelUnavailable: no answer, or none that is a JSON object.
        """
        ...
