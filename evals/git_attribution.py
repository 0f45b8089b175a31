"""Who changed which field, and on which line: a real history against a second, plain reading of its commits.

    python -m evals.git_attribution --data DIR [--commits N] [--wrong N]

DIR holds `history.bundle`. The product reads the whole history once. Of the newest N commits every field that differs
before and after is found again by a reader that shares no code with the product (`git cat-file`, plain YAML, lines of
Terraform), and each must be told with its commit, author, file, and a line that the commit's own diff holds. Beside
ours stands what `git log -1 -- FILE` answers to "who last changed this field".
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evals.plain_fields import Fields, Thing, read
from graph.change import Change
from graph.document import ABSENT, Json, tokens
from graph.resource import display_uid
from tools.adapters.git_history import GitHistory

_KEPT = (".yaml", ".yml", ".tf")
_LONGEST_VALUE = 200
"""Lines of the longest value in such files: a policy document."""


class Field(NamedTuple):
    """One field of one thing."""

    thing: Thing
    way: tuple[str, ...]


class Commit(NamedTuple):
    """A commit as `git log` prints it."""

    id: str
    parents: tuple[str, ...]
    author: str


class File(NamedTuple):
    """A file that a commit changed; the empty path is none."""

    old: str
    new: str


class Checked(NamedTuple):
    """What came out for one field of one commit."""

    commit: str
    field: Field
    verdict: str
    """`right`, or what is wrong first."""


class Hunks(NamedTuple):
    """Lines that a commit changed, by file."""

    gone: dict[str, set[int]]
    """As numbered before."""
    came: dict[str, set[int]]
    """As numbered after."""
    cuts: dict[str, set[int]]
    """Lines, as numbered after, behind which lines went and none came."""


class Repository:
    """The clone, asked through git's own program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._texts: dict[tuple[str, str], str] = {}

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout  # noqa: S603

    def commits(self) -> list[Commit]:
        """All commits, newest first."""
        rows = self.git("log", "--topo-order", "--format=%H%x09%P%x09%an <%ae>").splitlines()
        parts = (row.split("\t") for row in rows)
        return [Commit(id, tuple(parents.split()), author) for id, parents, author in parts]

    def files(self, commit: Commit) -> list[File]:
        """What a commit changed against its only parent, or against nothing."""
        rows = self.git("diff-tree", "-r", "--root", "--no-renames", "--no-commit-id", "--name-status", commit.id)
        found = []
        for row in rows.splitlines():
            status, _, path = row.partition("\t")
            if path.endswith(_KEPT):
                found.append(File("" if status == "A" else path, "" if status == "D" else path))
        return found

    def text(self, commit: str, path: str) -> str:
        return self.git("show", f"{commit}:{path}") if path else ""

    def hunks(self, commit: Commit) -> Hunks:
        """Which lines a commit changed."""
        found = Hunks(defaultdict(set), defaultdict(set), defaultdict(set))
        path = ""
        patch = self.git("show", "--format=", "--unified=0", "--no-renames", "--no-ext-diff", commit.id)
        for line in patch.splitlines():
            if line.startswith("diff --git "):
                path = line.rpartition(" b/")[2]
            elif match := re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
                found.gone[path] |= set(range(int(match[1]), int(match[1]) + int(match[2] or 1)))
                found.came[path] |= set(range(int(match[3]), int(match[3]) + int(match[4] or 1)))
                if match[4] == "0":
                    found.cuts[path].add(int(match[3]))
        return found


def main() -> int:
    """Print the share that is right; 0 when all commits were looked at."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with history.bundle")
    parser.add_argument("--commits", type=int, default=1000, help="how many of the newest commits to check")
    parser.add_argument("--wrong", type=int, default=0, help="how many wrong answers to print")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "history.git"
        bundle = (arguments.data / "history.bundle").resolve()
        subprocess.run(["git", "clone", "-q", "--bare", str(bundle), str(clone)], check=True)  # noqa: S603, S607
        return _report(Repository(clone), arguments.commits, arguments.wrong)


def _report(repository: Repository, most: int, wrong: int) -> int:
    commits = repository.commits()
    started, busy = time.perf_counter(), time.process_time()
    batch = GitHistory("git:history", repository.path, cluster="c", stack="s", salt=b"salt").changes(None)
    took, worked = time.perf_counter() - started, time.process_time() - busy
    told: dict[str, list[Change]] = defaultdict(list)
    for change in batch.changes:
        told[change.reference].append(change)
    print(f"{len(commits)} commits, {len(batch.changes)} changes told, {len(batch.gaps)} gaps")
    each = 1000 / len(commits)
    print(f"reading: {took:.1f} s, {each * took:.1f} s per 1,000 commits ({each * worked:.1f} s of a processor)")
    chosen = [c for c in commits if len(c.parents) < 2][:most]
    checked: list[Checked] = []
    invented: list[tuple[str, str, str]] = []
    unread: Counter[str] = Counter()
    for commit in chosen:
        checked += _check(repository, commit, told[commit.id], invented, unread)
    _print(checked, invented, unread, len(chosen), wrong)
    _print_baseline(repository, chosen, checked)
    return 0 if chosen and checked else 1


def _check(
    repository: Repository,
    commit: Commit,
    told: Sequence[Change],
    invented: list[tuple[str, str, str]],
    unread: Counter[str],
) -> Iterator[Checked]:
    parent = commit.parents[0] if commit.parents else ""
    old: dict[Thing, Fields] = {}
    new: dict[Thing, Fields] = {}
    places: dict[Thing, File] = {}
    broken = False
    for file in repository.files(commit):
        try:
            before = read(file.old, repository.text(parent, file.old)) if file.old else {}
            after = read(file.new, repository.text(commit.id, file.new)) if file.new else {}
        except ValueError:
            unread[file.new or file.old] += 1
            broken = True
            continue
        old |= before
        new |= after
        for thing in (*before, *after):
            known = places.get(thing, File("", ""))
            places[thing] = File(file.old if thing in before else known.old, file.new if thing in after else known.new)
    truth = {
        Field(thing, way): (old.get(thing, {}).get(way), new.get(thing, {}).get(way))
        for thing in (*old, *new)
        for way in {**old.get(thing, {}), **new.get(thing, {})}
        if old.get(thing, {}).get(way) != new.get(thing, {}).get(way)
    }
    hunks = repository.hunks(commit)
    ours: dict[Field, Change] = {f: change for change in told for f in _fields(change)}
    for one, (_, after_text) in truth.items():
        is_gone = after_text is None
        # The plain reader takes a list of objects in Terraform as one text; ours may name what is inside.
        near = (c for f, c in ours.items() if _covers(f, one) or _covers(one, f))
        change = ours.get(one) or next(near, None)
        verdict = _verdict(repository, commit, change, places[one.thing], hunks, is_gone=is_gone)
        yield Checked(commit.id, one, verdict)
    if not broken:
        for change in told:
            own = next(_fields(change), None)
            if own is None or not any(_covers(own, f) or _covers(f, own) for f in truth):
                invented.append((commit.id, display_uid(change.uid), change.path))


def _covers(outer: Field, inner: Field) -> bool:
    """Whether a change told for a whole part tells of a field in it."""
    return outer.thing == inner.thing and inner.way[: len(outer.way)] == outer.way


def _verdict(
    repository: Repository, commit: Commit, change: Change | None, place: File, hunks: Hunks, *, is_gone: bool
) -> str:
    if change is None:
        return "not told"
    if change.reference != commit.id:
        return "commit"
    if change.actor is None or change.actor.name not in commit.author:
        return "author"
    origin = change.origin
    if origin is None or origin.line is None or origin.file not in (place.new, place.old):
        return "file"
    if origin.line in (hunks.gone if is_gone else hunks.came)[origin.file]:
        return "right"
    if change.after is ABSENT and origin.line in hunks.gone[origin.file]:
        return "right"
    # Where lines only went from inside a value, nothing of what is left is new: the line that names the value counts.
    names = list(_thing(change)[1][-1:])
    line = repository.text(commit.id, origin.file).splitlines()[origin.line - 1 : origin.line]
    is_cut = any(origin.line <= cut < origin.line + _LONGEST_VALUE for cut in hunks.cuts[origin.file])
    return "right" if is_cut and line and all(name in line[0] for name in names) else "line"


def _fields(change: Change) -> Iterator[Field]:
    """Yield the fields of a change in the words of the plain reader: of a whole part each scalar in it."""
    thing, way = _thing(change)
    if thing is None:
        return
    yield Field(thing, way)
    for value in (change.before, change.after):
        if value is not ABSENT:
            yield from (Field(thing, (*way, *inner)) for inner in _ways(value))


def _ways(value: Json) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from ((key, *rest) for rest in _ways(item))
    elif isinstance(value, list):
        for item in value:
            yield from _ways(item)
    else:
        yield ()


def _thing(change: Change) -> tuple[Thing | None, tuple[str, ...]]:
    way = tuple(t for t in tokens(change.path) if not t.isdigit())
    if change.uid.startswith("k8s://"):
        _, _, kind, namespace, name = change.uid.removeprefix("k8s://").split("/", 4)
        place = namespace if namespace != "-" else "default"
        return Thing(kind, place, name), way
    if not change.uid.startswith("tf://") or change.origin is None:
        return None, way
    kind, _, name = change.uid.rpartition("/")[2].partition(".")
    if way[:1] == ("expressions",):
        way = tuple(t for t in tokens(way[1]) if not t.isdigit()) if len(way) > 1 else ()
    elif way[:1] == ("values",):
        way = way[1:]
    return Thing(kind, change.origin.file.rpartition("/")[0], name), way


def _print(
    checked: Sequence[Checked],
    invented: Sequence[tuple[str, str, str]],
    unread: Mapping[str, int],
    commits: int,
    wrong: int,
) -> None:
    verdicts = Counter(c.verdict for c in checked)
    total = sum(verdicts.values())
    print(f"\nchecked {commits} commits, n = {total} field changes; {sum(unread.values())} files can't be read plainly")
    print(f"right (commit, author, file and line): {verdicts['right']} = {verdicts['right'] / max(total, 1):.2%}")
    for verdict, count in verdicts.most_common():
        if verdict != "right":
            print(f"  {verdict}: {count}")
    print(f"told, but not found by the plain reading: {len(invented)}")
    for one in [c for c in checked if c.verdict != "right"][:wrong]:
        print(f"  {one.verdict}: {one.commit[:12]} {' '.join(one.field.thing)} /{'/'.join(one.field.way)}")
    for commit, name, path in invented[:wrong]:
        print(f"  told: {commit[:12]} {name} {path}")


def _print_baseline(repository: Repository, chosen: Sequence[Commit], checked: Sequence[Checked]) -> None:
    """Who last changed a field, by the history as read and by the file alone."""
    last: dict[Field, Checked] = {}
    by_commit: dict[str, list[Checked]] = defaultdict(list)
    for one in checked:
        by_commit[one.commit].append(one)
    for commit in chosen:  # newest first
        for one in by_commit[commit.id]:
            last.setdefault(one.field, one)
    touched: dict[str, str] = {}
    homes: dict[Field, str] = {}
    for commit in chosen:
        files = [f.new or f.old for f in repository.files(commit)]
        for path in files:
            touched.setdefault(path, commit.id)
        for one in by_commit[commit.id]:
            home = next((p for p in files if _may_hold(p, one.field.thing)), "")
            homes.setdefault(one.field, home)
    total = len(last)
    ours = sum(one.verdict == "right" for one in last.values())
    theirs = sum(touched.get(homes[field]) == one.commit for field, one in last.items())
    print(f"\nwho last changed a field, n = {total} fields:")
    print(f"  this product: {ours / max(total, 1):.2%}")
    print(f"  `git log -1 -- FILE`: {theirs / max(total, 1):.2%}")


def _may_hold(path: str, thing: Thing) -> bool:
    return path.endswith(".tf") == ("/" in thing.place or thing.kind == "module")


if __name__ == "__main__":
    sys.exit(main())
