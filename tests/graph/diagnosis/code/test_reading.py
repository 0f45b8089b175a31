"""What a diff does, by the lines that it removes and adds."""

from __future__ import annotations

import pytest

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.reading import read_diff

LOOP = """+for _, line := range order.Lines {
+    item, err := s.catalog.Get(ctx, line.SKU)
+    out = append(out, item)
+}"""
LEAK = """+var seen []Request
+func remember(r Request) {
+    seen = append(seen, r)
+}"""
BOUNDED = """+var seen = lru.New(256)
+func remember(r Request) {
+    seen.Add(r.ID, r)
+}"""
TTL = """-  default_ttl: 15m
+  default_ttl: 15s"""
TIMEOUT = """-client_timeout: 30s
+client_timeout: 1s"""
RENAME = """-    Meta map[string]string `json:"meta"`
+    Metadata map[string]string `json:"metadata"`"""
BUMP = """-  google.golang.org/protobuf v1.31.0
+  google.golang.org/protobuf v1.34.2"""
PATCH = """-  google.golang.org/grpc v1.62.0
+  google.golang.org/grpc v1.62.1"""
MOVED = """-if r.Lat < -90 || r.Lat > 90 { return errRange("lat") }
+return check("lat", r.Lat, -90, 90)"""
HELD = """-reg.mu.Lock()
-v := reg.items[k]
-reg.mu.Unlock()
-if v == nil { return reg.fetch(ctx, k) }
+reg.mu.Lock()
+defer reg.mu.Unlock()
+v := reg.items[k]
+if v == nil { return reg.fetch(ctx, k) }"""
HOOK = """-      lifecycle:
-        preStop:
-          httpGet: {path: /drain, port: 9000}"""
FIELD = """+    migrations.AlterField("invoice", "tax", models.DecimalField(null=False)),"""
OTHER = """-    "pigeon-http": "2.1.0",
+    "raven-http": "0.3.0","""
FIRST = """+    "raven-http": "0.3.0","""
ENDLESS = """-for (let left = jobs.length; left > 0; left--) {
+let left = jobs.length
+while (left >= 0) {
     await run(jobs[left])"""
NAMED = """-for (let i = 0; i < jobs.length; i++) {
-  run(jobs[i], 3)
+for (let job = 0; job < jobs.length; job++) {
+  run(jobs[job], 4)"""
TABLE = """+    rows = db.execute("SELECT id FROM favourites WHERE user_id = :u")"""

JITTER = """-    ttl = conf.PRICE_TTL + random.randrange(60)
-    store.set(name, price, ex=ttl)
+    store.set(name, price, ex=conf.PRICE_TTL)"""
MAP = """ func (c *Catalog) Find(id string) Item {
+    c.found[id] = c.load(id)
     return c.found[id]
 }"""
GUARDED = MAP.replace("+    c.found[id]", "+    c.mu.Lock()\n+    defer c.mu.Unlock()\n+    c.found[id]")
TICKER = """+    go func() {
+        for {
+            select {
+            case <-ctx.Done():
+                return
+            case <-tick.C:
+                c.reload()
+            }
+        }
+    }()"""
RANGE = """   from_port = 5432
-  cidr_blocks = ["10.8.0.0/14"]
+  cidr_blocks = ["10.8.0.0/16", "10.9.0.0/16"]"""
QUERY = """-cache_url = "redis://cache-0:6379?prefix=a"
+cache_url = "redis://cache-0:6379?prefix=b\""""
KEYS = """+    const names = await redis.keys(`cart:${user}:*`);"""
MODE = """-reports = host=db pool_mode=session
+reports = host=db pool_mode=transaction"""


@pytest.mark.parametrize(
    ("diff", "files", "effect"),
    [
        pytest.param(JITTER, ["prices.py"], Effect.EXPIRES_TOGETHER, id="times to live that differed are one"),
        pytest.param(MAP, ["catalog.go"], Effect.DROPS_LOCK, id="a map of all requests without a guard"),
        pytest.param(RANGE, ["db.tf"], Effect.CHANGES_NETWORK, id="a narrower range of addresses"),
        pytest.param(KEYS, ["cart.ts"], Effect.SCANS, id="a search through all keys"),
        pytest.param(LOOP, ["order.go"], Effect.CALLS_IN_LOOP, id="a call for each item"),
        pytest.param(LEAK, ["log.go"], Effect.GROWS_WITHOUT_BOUND, id="kept for ever"),
        pytest.param(TTL, ["cache.yaml"], Effect.CACHES_SHORTER, id="shorter time to live"),
        pytest.param(TIMEOUT, ["client.yaml"], Effect.WAITS_SHORTER, id="shorter time-out"),
        pytest.param(RENAME, ["envelope.go"], Effect.RENAMES, id="renamed field"),
        pytest.param(BUMP, ["go.mod"], Effect.BUMPS_DEPENDENCY, id="another minor version"),
        pytest.param(TABLE, ["dao.py"], Effect.QUERIES_NEW_TABLE, id="a table without migration"),
        pytest.param(HELD, ["registry.go"], Effect.LOCKS, id="a lock held to the end of the function"),
        pytest.param(ENDLESS, ["runner.ts"], Effect.ENDS_LOOP_ELSEWHERE, id="a loop that never ends"),
        pytest.param(HOOK, ["deployment.yaml"], Effect.STOPS_SOONER, id="a hook before the stop is gone"),
        pytest.param(FIELD, ["billing/migrations/0004.py"], Effect.LOCKS, id="a column altered by a framework"),
        pytest.param(FIELD, ["billing/migrations/0004.py"], Effect.CHANGES_TABLES, id="a table changed by a framework"),
        pytest.param(OTHER, ["package.json"], Effect.BUMPS_DEPENDENCY, id="a library instead of another"),
    ],
)
def test_an_effect_is_read_from_changed_lines(diff: str, files: list[str], effect: Effect) -> None:
    """By the lines that are removed and added, whatever the language."""
    assert effect in read_diff(diff, files).effects


@pytest.mark.parametrize(
    ("diff", "files", "effect"),
    [
        pytest.param(GUARDED, ["catalog.go"], Effect.DROPS_LOCK, id="a map with a guard"),
        pytest.param(TICKER, ["catalog.go"], Effect.SPAWNS_TASKS, id="one task that ends with its context"),
        pytest.param(QUERY, ["cache.toml"], Effect.POINTS_ELSEWHERE, id="the same place, asked otherwise"),
        pytest.param(MODE, ["pgbouncer.ini"], Effect.LOCKS, id="a mode called transaction"),
        pytest.param(BOUNDED, ["log.go"], Effect.GROWS_WITHOUT_BOUND, id="a bound"),
        pytest.param(PATCH, ["go.mod"], Effect.BUMPS_DEPENDENCY, id="a patch version"),
        pytest.param(TABLE, ["dao.py", "migrations/7.sql"], Effect.QUERIES_NEW_TABLE, id="a migration beside it"),
        pytest.param(LOOP, ["order_test.go"], Effect.CALLS_IN_LOOP, id="a test"),
        pytest.param(NAMED, ["runner.ts"], Effect.ENDS_LOOP_ELSEWHERE, id="another name in a loop"),
        pytest.param(FIRST, ["package.json"], Effect.BUMPS_DEPENDENCY, id="one library more"),
        pytest.param(FIELD, ["billing/forms.py"], Effect.LOCKS, id="no migration"),
    ],
)
def test_what_is_harmless_has_no_such_effect(diff: str, files: list[str], effect: Effect) -> None:
    """The twin of each effect that must not be read as one."""
    assert effect not in read_diff(diff, files).effects


def test_code_that_was_only_moved_is_cosmetic() -> None:
    """The same literals and names on both sides."""
    assert read_diff(MOVED, ["validate.go"]).is_cosmetic


def test_a_generated_diff_is_read_up_to_a_bound() -> None:
    """Neither the length of a line nor their number lets reading grow without end."""
    hostile = "+x = '" + "(a+" * 200_000 + "'\n" + "+y = 1\n" * 50_000 + LEAK
    found = read_diff(hostile, ["bundle.js"])
    assert Effect.GROWS_WITHOUT_BOUND not in found.effects
    assert all(len(word) <= 400 for word in found.words)


def test_what_a_message_says_is_no_code() -> None:
    """A text for people that speaks of decoding decodes nothing."""
    diff = '-    return nil, err\n+    return nil, fmt.Errorf("could not decode the body: %w", err)'
    assert Effect.CHANGES_FORMAT not in read_diff(diff, ["a.go"]).effects


@pytest.mark.parametrize(
    ("before", "after", "most"), [(3, 4, 0.3), (3, 6, 0.6), (3, 30, 1.0)], ids=["a third", "twice", "ten times"]
)
def test_a_small_change_of_an_amount_weighs_little(before: int, after: int, most: float) -> None:
    """As much as the amount grew, up to all of it."""
    weights = read_diff(f"-  max_retries: {before}\n+  max_retries: {after}", ["a.yaml"]).weights
    assert most - 0.2 <= weights[Effect.RETRIES_MORE] <= most


def test_a_setting_that_has_another_name_is_compared_all_the_same() -> None:
    """Its direction is that of its values, and not that of how often its name stands there."""
    diff = "-    self._retries = 2\n+    self._retries = conf.geo_retries\n+    geo_retries: int = 1"
    found = read_diff(diff, ["a.py"])
    assert Effect.RETRIES_FEWER in found.effects
    assert Effect.RETRIES_MORE not in found.effects


def test_what_runs_only_after_a_failure_weighs_little() -> None:
    """It answers the failure; the same on the way of every request weighs all."""
    call = "    resp = await http.post(url)"
    always, after = (
        f"+{call}\n+    check_token(resp)",
        f"+    if resp.status_code == 401:\n+    {call}\n+        check_token(resp)",
    )
    weights = [read_diff(diff, ["a.py"]).weights[Effect.CHANGES_LOGIC] for diff in (always, after)]
    assert weights[1] < 0.5 * weights[0]


def test_a_lock_that_is_taken_by_a_block_is_taken_all_the_same() -> None:
    """No handle leaks, and no lock is gone."""
    diff = "-  m.lock()\n-  try {\n-    go()\n-  } finally {\n-    m.unlock()\n-  }\n+  m.withLock { go() }"
    assert not {Effect.LEAKS_HANDLES, Effect.DROPS_LOCK} & read_diff(diff, ["A.kt"]).effects


def test_what_is_only_left_out_is_not_cosmetic() -> None:
    """A rewrite says it in other words; this says less."""
    assert not read_diff("-  return new Agent({ reuse: on })\n+  return new Agent()", ["a.ts"]).is_cosmetic


def test_what_only_builds_and_tests_is_cosmetic() -> None:
    """Another version of a tool; the same of what runs is not."""
    bump = '   "%s": {\n-    "checker": "1.6.0"\n+    "checker": "2.0.5"\n   }'
    assert read_diff(bump % "devDependencies", ["package.json"]).is_cosmetic
    assert not read_diff(bump % "dependencies", ["package.json"]).is_cosmetic


def test_conditions_in_another_order_are_the_same_query() -> None:
    """Neither is one left out, nor are more rows read."""
    found = read_diff("-  where(day: d).where(hall: h)\n+  where(hall: h, day: d)", ["seat.rb"])
    assert not {Effect.LEAVES_OUT, Effect.SCANS, Effect.CHANGES_QUERY} & found.effects


AT_THE_START = """-	if err := table.Load(ctx); err != nil {
-		log.Fatal(err)
-	}
     ready.Set(true)
+	t.once.Do(func() { t.err = t.Load(ctx) })"""
PAGES = """-  SQL = "SELECT * FROM visits ORDER BY id LIMIT ? OFFSET ?"
+  SQL = "SELECT * FROM visits WHERE id {} ? ORDER BY id LIMIT ?"
-    offset += page.size
+    from = page.last.id"""


def test_what_was_loaded_before_the_first_request_is_loaded_by_it() -> None:
    """Unless it still is before; then the first use only makes sure."""
    file = ["tax/table.go"]
    assert Effect.DEFERS in read_diff(AT_THE_START, file).effects
    assert Effect.DEFERS not in read_diff(AT_THE_START.replace("-", " "), file).effects


def test_a_page_that_begins_with_the_last_row_never_ends() -> None:
    """One that begins after it does."""
    again, after = (read_diff(PAGES.format(sign), ["export/rows.rb"]).effects for sign in (">=", ">"))
    assert Effect.ENDS_LOOP_ELSEWHERE in again
    assert Effect.ENDS_LOOP_ELSEWHERE not in after


def test_a_name_with_others_around_it_keeps_its_place_only_if_they_do() -> None:
    """What is registered before it now comes first."""
    diff = (
        " app = make()\n+app.use(parse())\n app.post('/callback', raw())\n-app.use(parse())\n app.get('/state', state)"
    )
    reading = read_diff(diff, ["web/app.js"])
    assert Effect.REORDERS in reading.effects
    assert "callback" in reading.kept
    assert "state" not in reading.kept


def test_an_amount_that_is_handed_on_by_name_is_none() -> None:
    """Which one it is stands where it comes from."""
    passed, given = (f"+  options.DialTimeout = {value}" for value in ("wanted", "2 * time.Second"))
    assert Effect.WAITS_SHORTER not in read_diff(passed, ["dial.go"]).effects
    assert Effect.WAITS_SHORTER in read_diff(given, ["dial.go"]).effects
