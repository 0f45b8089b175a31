"""Files that nobody should have to read, and a process of its own that reads them and tells what it took.

    python -m tests.tools.adapters.hostile SOURCE PATH

SOURCE is `files`, `git` or `lines`. Prints JSON: what was read and what was not, seconds of a processor, megabytes.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from dulwich.objects import Blob, Tree
from dulwich.repo import Repo

from graph.evidence import Gap
from graph.resource import Facet
from tests.tools.adapters.sources import NOW, GitFolder, config_map, write
from tools.adapters import git_repository
from tools.adapters.git_history import GitHistory
from tools.adapters.json_lines import Line, read_lines
from tools.adapters.manifests import ManifestSource

MEGABYTE = 2**20
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))


def measured(source: str, path: Path) -> dict[str, Any]:
    """Read a source in a process of its own."""
    command = [sys.executable, "-m", "tests.tools.adapters.hostile", source, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=110)
    return dict(json.loads(done.stdout))


def files(root: Path) -> Path:
    """Write one of everything, and between them a few files that are fine."""
    write(
        root,
        {
            "good.yaml": config_map("good"),
            "unknown.yaml": "apiVersion: example.com/v1\nkind: Whatever\nmetadata: {name: x, namespace: shop}\n",
            "utf16.yaml": config_map("wide").encode("utf-16"),
            "bomb.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bomb}}\n{BOMB}",
            "deep.yaml": "[" * 100_000,
            "deep.json": "[" * 100_000 + "]" * 100_000,
            "digits.json": "[" + "9" * 100_000 + "]",
            "twice.yaml": config_map("twice") + "data: {}\n",
            "many.yaml": "---\n" * 200_000 + config_map("many"),
            "binary.yaml": bytes(range(256)) * 1000,
            "plain16.yaml": config_map("narrow").encode("utf-16-le"),
            "cut.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cut"',
            "bomb.yaml.gz": gzip.compress(bytes(600 * MEGABYTE), 1),
            "cut.json.gz": gzip.compress(b"{}" * 1000)[:20],
            "base/kustomization.yaml": "resources: [bomb.yaml]\n",
            "base/bomb.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: k}}\ndata: {{}}\n{BOMB}",
            "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
            "chart/values.yaml": BOMB,
            "chart/templates/a.yaml": "a: {{ .Values.a11 | toJson }}\n",
            "composed/compose.yaml": f"services: {{web: {{image: x}}}}\n{BOMB}",
            "stack/deep.tf": 'resource "a" "deep" {\n  x = ' + "[" * 5000 + "]" * 5000 + "\n}\n",
            "stack/large.tf": 'resource "a" "large" {\n  x = [' + "1," * 2**19 + "1]\n}\n",
            "stack/good.tf": 'resource "aws_s3_bucket" "good" {\n  bucket = "b"\n}\n',
        },
    )
    line = b"key: value that goes on and on\n"
    (root / "huge.yaml").write_bytes(line * (100 * MEGABYTE // len(line)))
    (root / "huge.json").write_bytes(b"[" + b"[]," * (33 * MEGABYTE) + b"[]]")
    with (root / "zeros.yaml").open("wb") as file:
        file.truncate(100 * MEGABYTE)
    os.mkfifo(root / "pipe.yaml")
    (root / "out.yaml").symlink_to("/etc/passwd")
    (root / "device.yaml").symlink_to("/dev/zero")
    (root / "loop").symlink_to(root)
    (root / "circle.yaml").symlink_to(root / "circle.yaml")
    return root


def lines(root: Path) -> Path:
    """Write logs: cut in half, binary, in another encoding, in one line, packed without end."""
    root.mkdir(exist_ok=True)
    good = '{"n": 1}\n'
    write(
        root,
        {
            "a.jsonl": good + '{"n": 2, "cut": "in ha\n' + '{"n": 3}\n' + '[1]\n{"n": 1, "n": 2}\n' + '{"n": 4',
            "binary.log": b"\x00\xff\n" * 50_000,
            "wide.jsonl": (good * 10).encode("utf-16"),
            "deep.jsonl": '{"a":' * 20_000 + "1" + "}" * 20_000 + "\n" + good,
            "packed.jsonl.gz": gzip.compress(bytes(300 * MEGABYTE), 1),
        },
    )
    with (root / "line.jsonl").open("wb") as file:
        file.truncate(100 * MEGABYTE)
    os.mkfifo(root / "pipe.jsonl")
    (root / "out.jsonl").symlink_to("/etc/passwd")
    return root


def git(root: Path) -> Path:
    """Make a history with a tree that stands for ten billion files, a large blob, links, and broken documents."""
    folder = GitFolder(root)
    folder.commit({"a.yaml": config_map("a")})
    folder.commit({"a.yaml": config_map("a", "2"), "bomb.yaml": BOMB, "large.yaml": b"x: 1\n" * (4 * MEGABYTE)})
    folder.commit(
        {"a.yaml": b"\xff\xfe\x00", "twice.yaml": "a: 1\na: 2\n", "deep.tf": 'resource "a" "b" {' + "[" * 9999}
    )
    folder.commit({"a.yaml": config_map("a", "3")})
    with Repo(str(root)) as repo:
        level: Blob | Tree = Blob.from_string(config_map("inside").encode())
        repo.object_store.add_object(level)
        for depth in range(10):
            mode = 0o100644 if depth == 0 else 0o040000
            tree = Tree()
            for name in range(10):
                tree.add(b"%d.yaml" % name if depth == 0 else b"%d" % name, mode, level.id)
            repo.object_store.add_object(tree)
            level = tree
        top = repo[repo[repo.head()].tree]
        assert isinstance(top, Tree)
        top.add(b"bomb", 0o040000, level.id)
        repo.object_store.add_object(top)
        author = b"Ann <ann@example.com>"
        repo.get_worktree().commit(
            b"bomb",
            tree=top.id,
            committer=author,
            author=author,
            commit_timestamp=int(NOW.timestamp()),
            commit_timezone=0,
        )
    return root


def _read(source: str, path: Path) -> dict[str, Any]:
    if source == "lines":
        found = list(read_lines(path))
        return {
            "read": [one.value["n"] for one in found if isinstance(one, Line) and "n" in one.value],
            "not read": [[one.what, one.why] for one in found if isinstance(one, Gap)],
        }
    if source == "git":
        # Smaller bounds than in use, so that the test is quick.
        git_repository.MOST_ENTRIES, git_repository.MOST_CHANGES = 20_000, 1_000  # type: ignore[misc]
        batch = GitHistory("git:x", path, cluster="demo", stack="shop", salt=b"salt").changes(None)
        return {"read": [c.uid for c in batch.changes], "not read": [[g.what, g.why] for g in batch.gaps]}
    reader = ManifestSource(
        "files", path, facet=Facet.INTENDED, cluster="demo", stack="shop", salt=b"salt", clock=lambda: NOW
    )
    snapshot = reader.read()
    return {
        "read": [d.resource.display for d in snapshot.documents],
        "not read": [[u.where, u.reason] for u in snapshot.unreadable],
    }


def main() -> None:
    """Read what the arguments name and print what it took."""
    answer = _read(sys.argv[1], Path(sys.argv[2]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    json.dump({**answer, "seconds": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024}, sys.stdout)


if __name__ == "__main__":
    main()
