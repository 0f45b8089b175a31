"""A whole case of commits, as the set delivers it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evals.suites.root_cause_bench import SUITE

CULPRIT, OTHER = "c" * 40, "d" * 40
KEYS = "-  return null\n+  const names = await redis.keys(`gift:${user}:*`)\n+  return names.length"


def row(minute: int, **fields: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-05-06T{10 + minute // 60:02}:{minute % 60:02}:00Z", **fields}


def case(folder: Path) -> Path:
    """`shop` is slow from 11:10 on, since `gifts` searches all keys of a store that both use."""
    data = folder / "workdir" / "data"
    (data / "context").mkdir(parents=True)
    readings = ["timestamp,service,metric,value"]
    for minute in range(80):
        at = row(minute)["timestamp"]
        slow = minute >= 70
        readings += [
            f"{at},shop,http_p99_ms,{2600 + minute if slow else 60 + minute % 5}",
            f"{at},gifts,requests_per_sec,{40 + minute % 3}",
            f"{at},store,cpu_pct,{99 if slow else 30 + minute % 4}",
        ]
    (data / "metrics.csv").write_text("\n".join(readings) + "\n")
    patterns = [
        {"service": "store", "signature": "slowlog: <*> took <N>ms", "count": 90, "delta_vs_baseline": "+90"},
        {"service": "shop", "signature": "store GET took <N>ms", "count": 900, "delta_vs_baseline": "+900"},
    ]
    commits = [
        row(20, sha=CULPRIT, message="count", files_changed=["gifts/count.ts"], diff=KEYS),
        row(30, sha=OTHER, message="words", files_changed=["shop/words.ts"], diff="-  a: 'Buy'\n+  a: 'Buy now'"),
    ]
    deploys = [row(68, service="gifts", commit_sha=CULPRIT), row(66, service="shop", commit_sha=OTHER)]
    alert = {
        "service": "shop",
        "metric": "http_p99_ms",
        "summary": "shop p99 above 500ms",
        "fired_at": row(78)["timestamp"],
    }
    for name, body in (
        ("alert.json", alert),
        ("patterns.json", [{**p, "sentiment": "negative"} for p in patterns]),
        ("traces.json", []),
        ("context/commits.json", commits),
        ("context/deploys.json", deploys),
        ("context/flags.json", []),
    ):
        (data / name).write_text(json.dumps(body))
    return folder


def test_a_commit_of_another_service_is_named_for_what_a_shared_store_suffers(tmp_path: Path) -> None:
    """The service that the alert is about only waits for the store."""
    answer = SUITE.answer(SUITE.load(case(tmp_path), {}), None)
    assert answer["change"] == CULPRIT


def test_single_lines_that_fail_are_read_beside_the_forms(tmp_path: Path) -> None:
    """Those of a form that is listed are not read again."""
    folder = case(tmp_path)
    lines = [
        row(75, service="shop", severity_text="ERROR", msg="store GET took 2601ms"),
        row(76, service="web", severity_text="WARN", msg="basket shown from yesterday 17"),
        row(1, service="web", severity_text="INFO", msg="page served"),
        row(77, service="web", severity_text="INFO", msg="page served"),
        row(77, service="store", severity_text="INFO", msg="snapshot by hand", user="ada"),
    ]
    (folder / "workdir" / "data" / "logs.ndjson").write_text("\n".join(map(json.dumps, lines)))
    logs = SUITE.load(folder, {}).telemetry.logs
    assert [line.text for line in logs[2:]] == ["basket shown from yesterday 17", "snapshot by hand"]
    assert logs[3].attributes == {"user": "ada"}
    assert [line.example for line in logs[:2]] == ["", "store GET took 2601ms"]


def rewritten(folder: Path, sha: str, **fields: Any) -> Path:
    """The same case with another commit in the place of one."""
    path = folder / "workdir" / "data" / "context" / "commits.json"
    commits = [{**c, **fields} if c["sha"] == sha else c for c in json.loads(path.read_text())]
    path.write_text(json.dumps(commits))
    return folder


def test_where_nothing_is_shown_the_question_is_open(tmp_path: Path) -> None:
    """No commit, and not that none did it; the suspects are told all the same."""
    folder = rewritten(case(tmp_path), CULPRIT, diff="-  const a = b\n+  const a = c")
    answer = SUITE.answer(SUITE.load(folder, {}), None)
    assert (answer["abstained"], answer["change"]) == (True, None)
    assert answer["ranked"][0]["score"] < 0.5


def test_a_changelog_beside_settings_is_no_migration(tmp_path: Path) -> None:
    """Settings are put back; only what changed tables is not."""
    files = ["charts/gifts/values.yaml", "charts/gifts/CHANGELOG.md"]
    diff = "   store:\n-    timeout: 4s\n-    pool_size: 40\n+    timeout: 4s\n+    pool_size: 2"
    folder = rewritten(case(tmp_path), CULPRIT, files_changed=files, diff=diff)
    path = folder / "workdir" / "data" / "patterns.json"
    form = {"service": "gifts", "signature": "pool exhausted: no free connection to store", "count": 90}
    path.write_text(json.dumps([{**form, "delta_vs_baseline": "+90", "sentiment": "negative"}]))
    answer = SUITE.answer(SUITE.load(folder, {}), None)
    assert (answer["change"], answer["remediation"]) == (CULPRIT, "config-revert")
