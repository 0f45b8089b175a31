"""The simulated API server keeps ownership, versions and patches as a real one does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph.document import Object
from graph.errors import Conflict, NotFound
from tools.actions.simulated_cluster.api_server import ApiServer, strategic_patch
from tools.actions.simulated_cluster.identity import Caller
from tools.actions.simulated_cluster.store import EstateStore, copied
from tools.adapters.estate_files import Key

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BOT = Caller(username="bot", manager="deploy-bot")
PERSON = Caller(username="person", manager="kubectl-edit")
KEY = Key("shop", "ConfigMap", "c")


def _config(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": data}


def test_apply_merges_three_ways() -> None:
    """Fields of others stay, fields that are no longer declared go, and declared ones win."""
    api = ApiServer(EstateStore())
    api.apply(_config(kept="1", dropped="1"), by=BOT, at=AT)
    live = copied(api.store.objects[KEY])
    live["data"] |= {"theirs": "x", "kept": "changed"}
    api.update(KEY, live, by=PERSON, at=AT)
    api.apply(_config(kept="2"), by=BOT, at=AT)
    assert api.store.objects[KEY]["data"] == {"kept": "2", "theirs": "x"}
    owners = {e["manager"]: e["fieldsV1"]["f:data"] for e in api.store.objects[KEY]["metadata"]["managedFields"]}
    assert owners == {"kubectl-edit": {"f:theirs": {}}, "deploy-bot": {"f:kept": {}}}


def test_write_without_change_is_none() -> None:
    """Applying the same again gives no new version."""
    api = ApiServer(EstateStore())
    api.apply(_config(a="1"), by=BOT, at=AT)
    version = api.store.objects[KEY]["metadata"]["resourceVersion"]
    api.apply(_config(a="1"), by=BOT, at=AT)
    assert api.store.objects[KEY]["metadata"]["resourceVersion"] == version


def test_existence_is_checked() -> None:
    """What exists can't be created, what does not exist can't be changed or deleted."""
    api = ApiServer(EstateStore())
    api.create(KEY, _config(), by=BOT, at=AT)
    with pytest.raises(Conflict):
        api.create(KEY, _config(), by=BOT, at=AT)
    api.delete(KEY, by=BOT, at=AT)
    with pytest.raises(NotFound):
        api.delete(KEY, by=BOT, at=AT)
    with pytest.raises(NotFound):
        api.update(KEY, _config(), by=BOT, at=AT)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 1}}, {"a": {"y": None}}),
        (
            {"l": [{"name": "p", "v": 1}, {"name": "q", "v": 1}]},
            {"l": [{"name": "p", "v": 2}, {"name": "q", "v": 1}]},
            {"$setElementOrder/l": [{"name": "p"}, {"name": "q"}], "l": [{"name": "p", "v": 2}]},
        ),
        (
            {"l": [{"name": "p"}, {"name": "q"}]},
            {"l": [{"name": "p"}]},
            {"$setElementOrder/l": [{"name": "p"}], "l": [{"$patch": "delete", "name": "q"}]},
        ),
        ({"l": [1, 2]}, {"l": [2]}, {"l": [2]}),
    ],
    ids=["value", "removed", "item of a named list", "removed item", "plain list"],
)
def test_patches_say_only_what_changes(before: Object, after: Object, patch: Object) -> None:
    """A strategic merge patch holds the difference, items of named lists by name."""
    assert strategic_patch(before, after) == patch
