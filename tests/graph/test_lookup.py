"""Finding a resource by the name that a person types."""

from __future__ import annotations

import pytest

from graph.errors import Conflict, NotFound
from graph.lookup import find
from tests.graph.builders import EstateBuilder, manifest


def estate() -> EstateBuilder:
    builder = EstateBuilder()
    for kind in ("Deployment", "Service", "NetworkPolicy"):
        builder.add(manifest(kind, "web"))
    builder.add(manifest("Deployment", "checkout"))
    return builder


@pytest.mark.parametrize(
    ("name", "display"),
    [
        ("shop/Deployment/web", "shop/Deployment/web"),
        ("deployment/web", "shop/Deployment/web"),
        ("deploy/web", "shop/Deployment/web"),
        ("deployment.apps/web", "shop/Deployment/web"),
        ("deployments/web", "shop/Deployment/web"),
        ("shop/svc/web", "shop/Service/web"),
        ("networkpolicies/web", "shop/NetworkPolicy/web"),
        ("checkout", "shop/Deployment/checkout"),
    ],
)
def test_takes_the_names_that_kubectl_takes(name: str, display: str) -> None:
    """Short names, plurals and groups of kinds name the same resource as its display name."""
    assert find(estate().graph(), name).display == display


@pytest.mark.parametrize("name", ["other/deploy/web", "deploy/", "/", "rs/web", "a/b/c/d"])
def test_finds_nothing_under_a_name_that_fits_nothing(name: str) -> None:
    """Another namespace or another kind is another resource."""
    with pytest.raises(NotFound):
        find(estate().graph(), name)


def test_asks_when_several_resources_have_the_name() -> None:
    """A bare name that several kinds share is no answer."""
    with pytest.raises(Conflict, match="shop/Deployment/web, shop/NetworkPolicy/web, shop/Service/web"):
        find(estate().graph(), "web")


def test_a_name_like_no_other_is_answered_with_where_names_are() -> None:
    """A dead end names the way out."""
    with pytest.raises(NotFound, match="ask for the state to see every name"):
        find(estate().graph(), "zzzzzzzzzz")


@pytest.mark.parametrize("name", ["chekout", "shop/Deployment/checkuot", "heckout"])
def test_suggests_names_that_are_spelled_alike(name: str) -> None:
    """A slip of the finger is answered with what was probably meant."""
    with pytest.raises(NotFound, match=r"did you mean shop/Deployment/checkout\?"):
        find(estate().graph(), name)
