"""Short ways to build the sources under test."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from dulwich import porcelain

from graph.resource import Facet
from tools.adapters.manifests import ManifestReading, ManifestSource

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def inspect(path: Path, *, facet: Facet = Facet.INTENDED, ref: str | None = None) -> ManifestReading:
    """Read the files at `path`."""
    source = ManifestSource(
        "git:test", path, facet=facet, cluster="demo", stack="shop", salt=b"salt", clock=lambda: NOW, ref=ref
    )
    return source.inspect()


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below `root`, making folders."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


class GitFolder:
    """A work tree under version control."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        porcelain.init(str(root)).close()

    def commit(
        self,
        files: dict[str, str | bytes | None],
        *,
        message: str = "change",
        author: str = "Ann <ann@example.com>",
        at: dt.datetime = NOW,
    ) -> str:
        """Write (None: delete) files and commit them; return the commit id."""
        for name, content in files.items():
            if content is None:
                (self.root / name).unlink()
            else:
                write(self.root, {name: content})
        porcelain.add(str(self.root), [str(self.root / n) for n, c in files.items() if c is not None])
        gone = [str(self.root / n) for n, c in files.items() if c is None]
        if gone:
            porcelain.remove(str(self.root), gone)
        seconds = int(at.timestamp())
        made = porcelain.commit(
            str(self.root),
            message=message.encode(),
            author=author.encode(),
            committer=author.encode(),
            author_timestamp=seconds,
            commit_timestamp=seconds,
            author_timezone=0,
            commit_timezone=0,
            sign=False,
        )
        return made.decode()


def config_map(name: str, value: str = "1", *, namespace: str = "shop") -> str:
    """Return the text of a ConfigMap with one key."""
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"
    return f'{head}data:\n  key: "{value}"\n'
