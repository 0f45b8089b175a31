"""A language model behind an OpenAI-compatible Chat Completions endpoint.

Servers differ in how much of structured output they support, so the request climbs down a ladder: a JSON schema,
any JSON object, plain text with a JSON object inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from agents.model import ModelAnswer, ModelUnavailable
from graph.document import Object


class OpenAIModel:
    """Chat Completions through the `openai` client.

    The client's own defaults (two retries, 600 s) would hold up an investigation for half an hour: one retry and the
    given limit instead.
    """

    def __init__(
        self, *, base_url: str, api_key: str, name: str, timeout_s: float, max_tokens: int, http_client: Any = None
    ) -> None:
        self.name = name
        self._max_tokens = max_tokens
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            timeout=timeout_s,
            max_retries=1,
            http_client=http_client,
        )

    def answer(self, *, system: str, user: str, schema: Object) -> ModelAnswer:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            completion = self._first_accepted(messages, schema)
        except openai.OpenAIError as error:
            raise ModelUnavailable(f"model {self.name!r} gave no answer: {_reason(error)}") from error
        return _read(self.name, completion)

    def _first_accepted(self, messages: list[dict[str, str]], schema: Object) -> ChatCompletion:
        refusal: openai.BadRequestError | None = None
        for response_format in _formats(schema):
            try:
                answer: ChatCompletion = self._client.chat.completions.create(
                    model=self.name,
                    messages=messages,  # type: ignore[arg-type]  # plain dicts are the wire format
                    max_tokens=self._max_tokens,
                    **response_format,
                )
            except openai.BadRequestError as error:
                refusal = error
            else:
                return answer
        assert refusal is not None
        raise refusal


def _formats(schema: Object) -> Iterator[dict[str, Any]]:
    yield {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        }
    }
    yield {"response_format": {"type": "json_object"}}
    yield {}


def _read(name: str, completion: ChatCompletion) -> ModelAnswer:
    text = (completion.choices[0].message.content or "") if completion.choices else ""
    fenced = re.search(r"\{.*\}", text, re.S)
    try:
        content = json.loads(fenced.group() if fenced else text)
    except ValueError as error:
        raise ModelUnavailable(f"model {name!r} answered no JSON object") from error
    if not isinstance(content, dict):
        raise ModelUnavailable(f"model {name!r} answered no JSON object")
    usage = completion.usage
    return ModelAnswer(
        content=content,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        completion_tokens=usage.completion_tokens if usage else 0,
    )


def _reason(error: openai.OpenAIError) -> str:
    if isinstance(error, openai.APIStatusError):
        return f"the server answered {error.status_code}"
    return "time-out" if isinstance(error, openai.APITimeoutError) else type(error).__name__
