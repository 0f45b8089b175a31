"""The real `openai` client against a small compatible server: what servers support, and the ways in which they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from agents.model import ModelUnavailable
from agents.model_openai import OpenAIModel
from graph.document import Json, Object

SCHEMA: Object = {"type": "object", "properties": {"ok": {"type": "boolean"}}}


class Server:
    """An OpenAI-compatible server; `behave` makes the response to each request."""

    def __init__(self, behave: Callable[[Object], Response]) -> None:
        self.requests: list[Object] = []
        self.keys: list[str] = []
        self._behave = behave
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers["authorization"])
        return self._behave(body)


def completion(content: Json, *, usage: Json = True) -> Response:
    """A response as the API defines it."""
    body: Object = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "small",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
    }
    if usage:
        body["usage"] = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    return JSONResponse(body)


def refused(status: int, message: str = "no") -> Response:
    return JSONResponse({"error": {"message": message, "type": "x"}}, status)


@pytest.fixture
def ask() -> Iterator[Callable[[Server], Object]]:
    clients: list[TestClient] = []

    def answer(server: Server) -> Object:
        clients.append(TestClient(server.app, base_url="http://model.test"))
        model = _model(clients[-1])
        found = model.answer(system="be brief", user="ok?", schema=SCHEMA)
        return {"content": found.content, "tokens": (found.prompt_tokens, found.completion_tokens)}

    yield answer
    for client in clients:
        client.close()


def _model(client: httpx2.Client, *, timeout_s: float = 5) -> OpenAIModel:
    return OpenAIModel(
        base_url="http://model.test/v1",
        api_key="k",
        name="small",
        timeout_s=timeout_s,
        max_tokens=100,
        http_client=client,
    )


def test_asks_for_the_schema_first(ask: Callable[[Server], Object]) -> None:
    """One request, with name, schema, limit and key."""
    server = Server(lambda body: completion('{"ok": true}'))
    assert ask(server) == {"content": {"ok": True}, "tokens": (12, 3)}
    [request] = server.requests
    assert request["model"] == "small"
    assert request["max_tokens"] == 100
    assert request["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [m["role"] for m in request["messages"]] == ["system", "user"]
    assert server.keys == ["Bearer k"]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("supported", ["json_object", None])
def test_climbs_down_to_what_the_server_supports(
    ask: Callable[[Server], Object], supported: str | None, status: int
) -> None:
    """A JSON schema, any JSON object, plain text: the first that is accepted."""

    def behave(body: Object) -> Response:
        kind = body.get("response_format", {}).get("type")
        return completion('{"ok": true}') if kind == supported else refused(status, "unsupported response_format")

    server = Server(behave)
    assert ask(server)["content"] == {"ok": True}
    assert len(server.requests) == (2 if supported else 3)


@pytest.mark.parametrize(
    "text",
    ['{"ok": true}', '```json\n{"ok": true}\n```', 'Sure! Here it is: {"ok": true}. Anything else?'],
    ids=["plain", "fenced", "chatty"],
)
def test_finds_the_object_in_what_a_model_wrote(ask: Callable[[Server], Object], text: str) -> None:
    """Small models wrap their JSON."""
    assert ask(Server(lambda body: completion(text)))["content"] == {"ok": True}


def test_server_that_counts_no_tokens(ask: Callable[[Server], Object]) -> None:
    """Some local servers leave `usage` out."""
    assert ask(Server(lambda body: completion('{"ok": true}', usage=None)))["tokens"] == (0, 0)


@pytest.mark.parametrize(
    "behave",
    [
        lambda body: completion("I can't do that."),
        lambda body: completion(None),
        lambda body: completion("[1, 2]"),
        lambda body: completion('{"ok": tr'),
        lambda body: completion("{" * 100_000),
        lambda body: completion('{"a":' * 50_000 + "1" + "}" * 50_000),
        lambda body: JSONResponse({"choices": []}),
        lambda body: JSONResponse({"choices": None}),
        lambda body: JSONResponse({}),
        lambda body: JSONResponse({"choices": [{}]}),
        lambda body: JSONResponse({"choices": [{"message": None}]}),
        lambda body: JSONResponse({"choices": [{"message": {"content": [{"type": "text"}]}}]}),
        lambda body: JSONResponse([]),
        lambda body: HTMLResponse("<html>Sign in to the Wi-Fi</html>"),
        lambda body: Response(b"", media_type="application/json"),
        lambda body: Response(b"\xff\xfe{", media_type="application/json"),
        lambda body: refused(400),
        lambda body: refused(401, "wrong key sk-verysecretverysecretvery"),
        lambda body: refused(404, "no such model"),
        lambda body: refused(429),
        lambda body: refused(500),
        lambda body: Response("upstream is away", 502),
    ],
    ids=[
        "refusal", "null", "list", "cut off", "endless braces", "deep nesting", "no choices", "null choices",
        "no completion", "no message", "null message", "parts", "list body", "html", "empty body", "no text", "400",
        "401", "404", "429", "500", "502",
    ],
)  # fmt: skip
def test_every_other_answer_means_unavailable(
    ask: Callable[[Server], Object], behave: Callable[[Object], Response]
) -> None:
    """The investigation goes on without the model, whatever comes back."""
    server = Server(behave)
    with pytest.raises(ModelUnavailable) as told:
        ask(server)
    assert "sk-verysecret" not in str(told.value)
    assert len(server.requests) <= 3


@pytest.mark.parametrize(
    ("error", "word"),
    [(httpx2.ReadTimeout("slow"), "time-out"), (httpx2.ConnectError("refused"), "APIConnectionError")],
    ids=["silent", "away"],
)
def test_server_that_does_not_answer(error: Exception, word: str) -> None:
    """One more attempt, then the investigation goes on."""
    attempts = []

    def fail(request: httpx2.Request) -> httpx2.Response:
        attempts.append(request)
        raise error

    with httpx2.Client(transport=httpx2.MockTransport(fail)) as client, pytest.raises(ModelUnavailable, match=word):
        _model(client).answer(system="s", user="u", schema=SCHEMA)
    assert len(attempts) == 2
