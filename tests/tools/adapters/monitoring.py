"""What the tests of monitoring ask about: two workloads of one namespace, and a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from graph.targets import Target, Targets
from tools.adapters.http_json import HttpJson
from tools.ports import Window

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = Window(since=NOW - timedelta(minutes=30), until=NOW)
CHECKOUT = "k8s://demo/apps/Deployment/shop/checkout"
CART = "k8s://demo/apps/Deployment/shop/cart"
TARGETS = Targets(
    all=(
        Target(uid=CHECKOUT, namespace="shop", names=("checkout", "checkout-svc"), pods=("checkout-7d9f-abcde",)),
        Target(uid=CART, namespace="shop", names=("cart",), pods=()),
    )
)


def server(answer: Callable[[httpx.Request], Any]) -> HttpJson:
    """A server that answers with JSON, or with the response that `answer` builds."""

    def handle(request: httpx.Request) -> httpx.Response:
        found = answer(request)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return HttpJson("store", "http://store", transport=httpx.MockTransport(handle))
