"""What single readers see in a diff, and what they leave alone."""

from __future__ import annotations

import pytest

from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.migrations import holds_up, migration
from graph.diagnosis.code.patch import read_patch
from graph.diagnosis.code.reading import read_diff

SEEN = [
    (Effect.LOCKS_UNORDERED, "a.py", "-    for k in sorted(keys):\n+    for k in keys:\n         locks[k].acquire()"),
    (Effect.LOCKS_UNORDERED, "a.go", "-    a.mu.Lock()\n-    b.mu.Lock()\n+    b.mu.Lock()\n+    a.mu.Lock()"),
    (Effect.LOSES_PRECISION, "a.kt", "-    val sum = BigDecimal(text)\n+    val sum = text.toDouble()"),
    (Effect.LOSES_PRECISION, "a.sql", "-  id BIGINT NOT NULL,\n+  id INTEGER NOT NULL,"),
    (Effect.LOSES_PRECISION, "a.ts", "-  return Math.round(x * 100)\n+  return Math.floor(x * 100)"),
    (Effect.LOADS_ALL, "a.ts", "-  const limit = query.limit ?? 50\n+  const limit = query.limit"),
    (Effect.LOADS_ALL, "a.rb", "-  rows.take(100)\n+  rows.each"),
    (Effect.WAITS_LONGER, "a.ts", "-  const timeout = opts.timeout ?? 3000\n+  const timeout = opts.timeout"),
    (Effect.KEYS_COARSER, "a.py", '-    key = f"cart:{tenant}:{user}"\n+    key = f"cart:{user}"'),
    (Effect.DROPS_CACHE, "a.py", '-    key = f"page:{lang}"\n+    key = f"page:{lang}:{agent}"'),
    (Effect.CACHES_SHORTER, "a.py", "-    r.set(k, v, ex=ttl)\n+    r.set(k, v, px=ttl)"),
    (Effect.WAITS_SHORTER, "A.java", "-  timeout(30, TimeUnit.SECONDS)\n+  timeout(30, TimeUnit.MILLISECONDS)"),
    (Effect.WAITS_LONGER, "a.js", "-  readTimeout: Duration.ofMillis(800),\n+  readTimeout: Duration.ofSeconds(800),"),
    (Effect.CHANGES_UNIT, "a.js", "-  const until = Date.now() / 1000 + ttl\n+  const until = Date.now() + ttl"),
    (Effect.LEAKS_HANDLES, "a.py", "+    conn = pool.getconn()\n+    return conn.execute(q)"),
    (
        Effect.LEAKS_HANDLES,
        "a.go",
        " resp, err := c.Do(req)\n if err != nil {\n     return err\n }\n"
        "+if resp.StatusCode == 304 {\n+    return nil\n+}\n defer resp.Body.Close()",
    ),
    (Effect.DROPS_WAIT, "a.ts", "-  await store.saveGuest(cart)\n+  store.save(cart)"),
    (Effect.SHIFTS_INDEX, "a.go", "-  return ring[n%size]\n+  return ring[n%size+1]"),
    (Effect.MOVES_LINE, "a.go", "-  return code >= 500\n+  return code >= 400"),
    (Effect.POOLS_MORE, "a.ts", "-const limit = pLimit(8)\n-await limit(() => go())\n+await go()"),
    (Effect.HOARDS, "a.py", "-    ch.basic_qos(prefetch_count=10)\n     ch.consume(q)"),
    (Effect.DISK_SLOWER, "main.tf", "-  iops = 12000\n+  iops = 3000"),
    (
        Effect.RATE_LOWER,
        "limits.yaml",
        "-    rate_limit: {unit: second, per: 9}\n+    rate_limit: {unit: minute, per: 9}",
    ),
    (Effect.CPU_LOWER, "values.yaml", '-    cpu: "1"\n+    cpu: 500m'),
    (Effect.COSTS_MORE, "a.py", "-MENU = load(F)\n def menu():\n+    return load(F)"),
    (Effect.COSTS_MORE, "a.py", "-    known = {p.id for p in ps}\n+    known = [p.id for p in ps]\n     r in known"),
    (Effect.KEEPS_LOCAL, "a.js", "-  store: new RedisStore(c)\n+  store: new MemoryStore()"),
    (Effect.LOGS_MORE, "log.yaml", "+level: ${LOG_LEVEL:-debug}"),
    (Effect.LISTS_FEWER, "a.rs", '-  v.audience(&["api", "batch"]);\n+  v.audience(&["api"]);'),
    (Effect.LISTS_FEWER, "iam.tf", ' actions = [\n   "s3:Put",\n-  "kms:Sign",\n ]'),
    (
        Effect.LISTS_FEWER,
        "a.ts",
        "-for (const [k, v] of Object.entries(h)) out[k] = v\n"
        "+const SENT = ['accept', 'range', 'cookie', 'origin']\n+for (const k of SENT) out[k] = h[k]",
    ),
    (Effect.LOCKS, "a.py", " with db.transaction():\n     row.lock()\n+    psp_client.authorize(row)\n"),
    (
        Effect.LOCKS_UNORDERED,
        "A.kt",
        " fun fill(a: Hall) = a.lock.withLock {\n+    seats.free(a)\n }\n"
        "+fun free(a: Hall) {\n+    a.seat.lock.withLock {\n+        a.n = 0\n+    }\n+}",
    ),
    (Effect.CHANGES_ACK, "a.py", "-    work(m)\n-    ch.basic_ack(t)\n+    ch.basic_ack(t)\n+    pool.submit(work, m)"),
    (Effect.STRICTER_PROBES, "a.go", ' handle("/livez", f)\n+if db.Ping() != nil { w.WriteHeader(503) }'),
    (Effect.DROPS_CACHE, "cdn.tf", ' headers_config {\n-  behavior = "none"\n+  items = ["User-Agent"]\n }'),
    (Effect.DROPS_CACHE, "cache.py", '-PREFIX = "seats:1:"\n+PREFIX = "seats:2:"'),
    (Effect.DROPS_DEDUP, "a.rb", '-  "Idempotency-Key" => "pay-#{p.id}"\n+  "Idempotency-Key" => SecureRandom.uuid'),
    (
        Effect.KEYS_COARSER,
        "a.go",
        '-  if x := r.Header.Get("X-Forwarded-For"); x != "" {\n-    return x\n-  }\n   return r.Host',
    ),
    (Effect.SKEWS, "a.go", "-  Key: sarama.StringEncoder(e.ID),\n+  Key: sarama.StringEncoder(e.Kind),"),
    (Effect.FREEZES, "a.py", "-def stamp(at=None):\n+def stamp(at=datetime.now()):"),
    (Effect.RECONNECTS, "A.cs", "-  static HttpClient H = new HttpClient();\n+    var h = new HttpClient();"),
    (Effect.DROPS_WAIT, "a.rb", "-  after_commit :enqueue\n+  after_save :enqueue"),
    (Effect.FLIPS_CONDITION, "A.java", "-  if (Objects.equals(a, b))\n+  if (a == b)"),
    (Effect.SORTS_OTHERWISE, "a.js", "-  rows.sort((a, b) => b.n - a.n)\n+  rows.sort((a, b) => a.n - b.n)"),
    (Effect.SHIFTS_INDEX, "a.py", "-COLUMNS = [age, sum, risk]\n+COLUMNS = [age, risk, sum]"),
    (
        Effect.SWALLOWS,
        "a.py",
        "-    save(x)\n+    try:\n+        save(x)\n+    except Exception:\n+        log.debug('no')",
    ),
    (Effect.READS_COPY, "a.py", '-  Seat.objects.get(pk=p)\n+  Seat.objects.using("replica").get(pk=p)'),
    (Effect.COLLIDES, "a.ts", "-  return nanoid(21)\n+  return nanoid(5)"),
    (Effect.IDLES_OTHERWISE, "lb.tf", "-  idle_timeout = 4\n+  idle_timeout = 75"),
    (Effect.CACHES_SHORTER, "a.py", "-    r.setex(key, 86400, v)\n+    r.setex(key, 864, v)"),
    (Effect.RATE_LOWER, "nginx.conf", "-limit_req_zone x rate=50r/s;\n+limit_req_zone x rate=50r/m;"),
    (Effect.LOGS_MORE, "a.go", "-  n.WithLabelValues(a).Inc()\n+  n.WithLabelValues(a, r.UserAgent).Inc()"),
    (Effect.REORDERS, "routes.yaml", "-  - path: /a/b\n-  - path: /a\n+  - path: /a\n+  - path: /a/b"),
    (Effect.KEYS_COARSER, "a.js", "-  set('Cache-Control', 'private')\n+  set('Cache-Control', 'public')"),
    (Effect.CALLS_IN_LOOP, "A.kt", "-  dao.insertAll(rows)\n+  rows.forEach { dao.insert(it) }"),
    (Effect.BATCHES_MORE, "a.go", "-  n := min(req.Count, most)\n+  n := req.Count"),
    (Effect.CHANGES_QUERY, "a.ts", "-  find({ where: { tenant, folder } })\n+  find({ where: { folder } })"),
    (Effect.POINTS_ELSEWHERE, "a.rb", "-  queue_as :orders\n+  queue_as :orders_late"),
    (Effect.RETRIES_MORE, "A.kt", "-  retryOn(IOException::class)\n+  retryOn(Exception::class)"),
    (Effect.CHANGES_NUMBERS, "a.py", "-  Decimal(s.replace('.', ''))\n+  Decimal(s.replace(',', ''))"),
    (Effect.BUMPS_DEPENDENCY, "build.gradle", "-  api 'acme.pdf:core:7.2.5'\n+  api 'acme.pdf:core:8.0.4'"),
    (Effect.POINTS_ELSEWHERE, "s3/keys.ts", "-  const key = `thumbs/${id}`\n+  const key = `t/${id}`"),
    (Effect.POINTS_ELSEWHERE, "service.yaml", "-  selector: {app: cart}\n+  selector: {app: cart-api}"),
    (Effect.COSTS_MORE, "a.go", "-  bcrypt.Generate(p, 10)\n+  bcrypt.Generate(p, 15)"),
    (Effect.SIZE_LOWER, "edge.yaml", "-  max_request_headers_kb: 96\n+  max_request_headers_kb: 8"),
    (Effect.LEAVES_OUT, "a.py", "-  return form.dict(only_set=True)\n+  return form.dict()"),
    (Effect.DROPS_DEDUP, "quartz.properties", "-jobs.isClustered=true\n+jobs.isClustered=false"),
    (Effect.DROPS_DEDUP, "sms/dedupe.go", "-const window = 24 * time.Hour\n+const window = 24 * time.Minute"),
    (Effect.REQUIRES_MORE, "9.sql", "-  body TEXT\n+  body VARCHAR(255)"),
    (Effect.SIZE_LOWER, "a.ts", "-app.use(express.json({ limit: '20mb' }))\n+app.use(express.json())"),
    (Effect.STRICTER_PROBES, "mesh.yaml", "-    consecutive5xxErrors: 10\n+    consecutive5xxErrors: 1"),
    (Effect.SHIFTS_TIME, "A.java", '-  ofPattern("yyyy-MM-dd")\n+  ofPattern("YYYY-MM-dd")'),
    (Effect.POINTS_ELSEWHERE, "values.yaml", "-  targetPort: 8080\n+  targetPort: 8081"),
    (Effect.BACKTRACKS, "a.ts", "-const A = /^\\p{L}{1,9}$/u\n+const A = /^(\\p{L}+ ?)+$/u"),
]


@pytest.mark.parametrize(("effect", "file", "diff"), SEEN, ids=lambda v: v.name if isinstance(v, Effect) else "")
def test_an_effect_is_seen(effect: Effect, file: str, diff: str) -> None:
    """In whatever language it is written."""
    found = read_diff(diff, (file,))
    assert effect in found.effects
    assert not found.is_cosmetic


UNSEEN = [
    (Effect.LOCKS_UNORDERED, "a.py", "-    names = sorted(users)\n+    names = users"),
    (Effect.LOSES_PRECISION, "a.py", "-    x = Decimal(t)\n+    x = Decimal(t).quantize(CENT)"),
    (Effect.LOADS_ALL, "a.ts", "-  const limit = query.limit ?? 50\n+  const limit = query.limit ?? 40"),
    (Effect.KEYS_COARSER, "a.py", '-    key = f"cart:{user}"\n+    key = f"c:{user}"'),
    (Effect.CHANGES_UNIT, "a.go", "-  wait(5 * time.Second)\n+  wait(5000 * time.Millisecond, ctx.Deadline)"),
    (Effect.LEAKS_HANDLES, "a.go", " f, err := os.Open(p)\n+if err != nil {\n+    return err\n+}\n defer f.Close()"),
    (Effect.BACKTRACKS, "a.go", "+var word = regexp.MustCompile(`(\\w+-?)+`)"),
    (Effect.RETRIES_MORE, "a.go", '+  w.Header().Set("Retry-After", "2")'),
    (Effect.REQUIRES_MORE, "a.go", '-  return err\n+  return fmt.Errorf("read: %w", err)'),
    (
        Effect.RATE_LOWER,
        "l.yaml",
        "-  - key: a\n-    unit: hour\n   - key: b\n     unit: day\n+  - key: a\n+    unit: hour",
    ),
    (Effect.WAITS_SHORTER, "a.ts", "-  timeout: 2500,\n+  headersTimeout: 2500,\n+  bodyTimeout: 2500,"),
    (Effect.RUNS_OFTENER, "a.go", "-const every = time.Second\n+const every = 2 * time.Second"),
    (Effect.CPU_LOWER, "values.yaml", '-    cpu: 500m\n+    cpu: "1"'),
    (Effect.CALLS_MORE, "a.go", "-  res := c.Do(req)\n+  res := c.Do(req.WithContext(ctx))"),
]


@pytest.mark.parametrize(("effect", "file", "diff"), UNSEEN, ids=lambda v: v.name if isinstance(v, Effect) else "")
def test_what_only_looks_like_it_is_left_alone(effect: Effect, file: str, diff: str) -> None:
    """The same amount, the same order, the same key, or the other direction."""
    assert effect not in read_diff(diff, (file,)).effects


@pytest.mark.parametrize(
    ("statement", "is_held"),
    [
        ("ALTER TABLE a ADD COLUMN b text", False),
        ("ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 0", False),
        ("ALTER TABLE a ADD COLUMN at timestamptz DEFAULT now()", False),
        ("ALTER TABLE a\n  ADD COLUMN b uuid NOT NULL DEFAULT gen_random_uuid()", True),
        ("ALTER TABLE a ALTER COLUMN b TYPE bigint", True),
        ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", True),
        ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID", False),
        ("CREATE INDEX i ON a (b)", True),
        ("CREATE INDEX CONCURRENTLY i ON a (b)", False),
        ("UPDATE a SET b = 0", True),
        ("UPDATE a SET b = 0 WHERE id BETWEEN 1 AND 500", False),
        ("add_index :a, :b", True),
        ("add_index :a, :b, algorithm: :concurrently", False),
        ("CREATE TABLE a (id bigint)", False),
    ],
)
def test_a_statement_holds_up_a_table_or_is_instant(statement: str, *, is_held: bool) -> None:
    """As the manuals of the stores say."""
    assert holds_up(statement) is is_held


def test_the_tables_of_a_migration_are_known() -> None:
    """Schema names and quotes are no part of them."""
    diff = '+ALTER TABLE public."orders" ADD COLUMN b int;\n+CREATE INDEX i ON items (b);'
    assert migration(read_patch(diff, ("db/migrations/1.sql",))).tables == {"orders", "items"}
