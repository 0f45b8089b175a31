"""Keys are made once and stay private."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from app.store.keys import Keys, load_or_create
from graph.errors import Refused


def test_keys_are_made_once(tmp_path: Path) -> None:
    """The second start reads what the first one made."""
    path = tmp_path / "data" / "keys.json"
    keys = load_or_create(path)
    assert load_or_create(path) == keys
    assert len({keys.audit, keys.salt, keys.cookie}) == 3
    assert all(len(key) == 32 for key in (keys.audit, keys.salt, keys.cookie))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_starters_get_the_same_keys(tmp_path: Path) -> None:
    """However many start at the same time."""
    found: list[Keys] = []
    threads = [threading.Thread(target=lambda: found.append(load_or_create(tmp_path / "keys.json"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(keys == found[0] for keys in found)


def test_keys_do_not_show(tmp_path: Path) -> None:
    """Printing them gives nothing away."""
    keys = load_or_create(tmp_path / "keys.json")
    assert keys.audit.hex() not in repr(keys)
    assert repr(keys.audit) not in repr(keys)


def test_readable_key_file_is_refused(tmp_path: Path) -> None:
    """The message says what to do."""
    path = tmp_path / "keys.json"
    load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        load_or_create(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"audit": "zz", "salt": "", "cookie": ""}'])
def test_damaged_key_file_is_refused(tmp_path: Path, text: str) -> None:
    """New keys would make the old log unreadable."""
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Refused, match="damaged"):
        load_or_create(path)
