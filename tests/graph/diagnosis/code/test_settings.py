"""Settings in the forms of several languages, and what it means that they have less or more."""

from __future__ import annotations

import pytest

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.meanings import effects_of
from graph.diagnosis.code.patch import read_patch
from graph.diagnosis.code.settings import shifts


def effects(diff: str, file: str) -> set[Effect]:
    return {effect for effect, _ in effects_of(shifts(read_patch(diff, [file])))}


@pytest.mark.parametrize(
    ("diff", "file", "effect"),
    [
        pytest.param("-  timeout: 30s\n+  timeout: 3s", "a.yaml", Effect.WAITS_SHORTER, id="yaml"),
        pytest.param("-Timeout: 2 * time.Second,\n+Timeout: 2 * time.Minute,", "a.go", Effect.WAITS_LONGER, id="go"),
        pytest.param(
            "-    .timeout(Duration.ofSeconds(5))\n+    .timeout(Duration.ofMillis(500))",
            "A.java",
            Effect.WAITS_SHORTER,
            id="java",
        ),
        pytest.param("-const TTL: u64 = 3600;\n+const TTL: u64 = 36;", "a.rs", Effect.CACHES_SHORTER, id="rust"),
        pytest.param(
            "-    val maxAttempts: Int = 2\n+    val maxAttempts: Int = 9", "A.kt", Effect.RETRIES_MORE, id="kotlin"
        ),
        pytest.param("-db.SetMaxOpenConns(50)\n+db.SetMaxOpenConns(5)", "a.go", Effect.POOLS_FEWER, id="a setter"),
        pytest.param("-  memory = 2048\n+  memory = 512", "a.tf", Effect.MEMORY_LOWER, id="terraform"),
        pytest.param(
            "-<maxPoolSize>40</maxPoolSize>\n+<maxPoolSize>4</maxPoolSize>", "a.xml", Effect.POOLS_FEWER, id="xml"
        ),
        pytest.param('-ENV X="-Xmx2g"\n+ENV X="-Xmx512m"', "Dockerfile", Effect.MEMORY_LOWER, id="a flag of the JVM"),
        pytest.param(
            "-proxy_read_timeout 60s;\n+proxy_read_timeout 6s;", "nginx.conf", Effect.WAITS_SHORTER, id="nginx"
        ),
        pytest.param(
            '   - name: DB_POOL\n-    value: "20"\n+    value: "2"',
            "a.yaml",
            Effect.POOLS_FEWER,
            id="a variable of a container",
        ),
        pytest.param("-retries=3\n+retries=0", "a.properties", Effect.RETRIES_FEWER, id="properties"),
        pytest.param("-  level: info\n+  level: debug", "log.yaml", Effect.LOGS_MORE, id="a level of log"),
        pytest.param("-  new_checkout: false\n+  new_checkout: true", "flags.yaml", Effect.FLIPS_SWITCH, id="a switch"),
    ],
)
def test_a_setting_is_read_in_its_language_and_unit(diff: str, file: str, effect: Effect) -> None:
    """More or less counts after units."""
    assert effect in effects(diff, file)


@pytest.mark.parametrize(
    "diff",
    [
        pytest.param("-  timeout: 60s\n+  timeout: 1m", id="the same in another unit"),
        pytest.param("-  a: 1\n-  timeout: 5s\n+  timeout: 5s\n+  a: 1", id="moved"),
        pytest.param("-workers = 4\n+workers = int(env('WORKERS', '4'))", id="computed, with the old value as default"),
    ],
)
def test_the_same_amount_is_no_change(diff: str) -> None:
    """Whatever it is written like."""
    assert effects(diff, "a.yaml") <= {Effect.CHANGES_VALUE}
