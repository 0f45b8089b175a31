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

from agents.model import ModelAnswer, ModelUnavailable
from graph.document import Json, Object, get


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
            body = self._first_accepted(messages, schema)
        except openai.OpenAIError as error:
            raise ModelUnavailable(f"model {self.name!r} gave no answer: {_reason(error)}") from error
        return _read(self.name, body)

    def _first_accepted(self, messages: list[dict[str, str]], schema: Object) -> bytes:
        """Return the raw body: the client believes a server that its answer is a completion, whatever it is."""
        refusal: openai.APIStatusError | None = None
        for response_format in _formats(schema):
            try:
                answer = self._client.chat.completions.with_raw_response.create(
                    model=self.name,
                    messages=messages,  # type: ignore[arg-type]  # plain dicts are the wire format
                    max_tokens=self._max_tokens,
                    **response_format,
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                refusal = error
            else:
                return answer.content
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


def _read(name: str, body: bytes) -> ModelAnswer:
    completion = _parsed(body)
    text = get(completion, "/choices/0/message/content")
    found = re.search(r"\{.*\}", text, re.S) if isinstance(text, str) else None
    content = _parsed(found.group()) if found else None
    if not isinstance(content, dict):
        raise ModelUnavailable(f"model {name!r} answered no JSON object")
    return ModelAnswer(
        content=content,
        prompt_tokens=_count(get(completion, "/usage/prompt_tokens")),
        completion_tokens=_count(get(completion, "/usage/completion_tokens")),
    )


def _parsed(text: bytes | str) -> Json:
    """Return the JSON value, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _count(value: Json) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _reason(error: openai.OpenAIError) -> str:
    if isinstance(error, openai.APIStatusError):
        return f"the server answered {error.status_code}"
    return "time-out" if isinstance(error, openai.APITimeoutError) else type(error).__name__
