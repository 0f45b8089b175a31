"""Ways in which a change of code or configuration makes a system behave differently."""

from __future__ import annotations

from enum import StrEnum


class Effect(StrEnum):
    """What a diff does; the value completes the sentence "It ..."."""

    # Memory, tasks and handles.
    GROWS_WITHOUT_BOUND = "keeps what it sees in memory without a bound"
    LEAKS_HANDLES = "no longer closes or releases something"
    SPAWNS_TASKS = "starts tasks that nothing waits for or bounds"
    LOADS_ALL = "loads everything at once"
    MEMORY_LOWER = "may use less memory"
    CPU_LOWER = "may use less CPU"
    # Data stores.
    CALLS_IN_LOOP = "makes a call for each item of a list"
    CALLS_MORE = "makes a call that it did not make"
    QUERIES_NEW_TABLE = "reads a table or column that it brings no migration for"
    SCANS = "makes a query read more rows: an index, a condition or a limit is gone or can't be used"
    CHANGES_QUERY = "asks a data store for something else"
    CHANGES_TABLES = "changes tables under the code that uses them"
    LOCKS = "takes a lock, or holds one for longer"
    # Caches.
    CACHES_SHORTER = "keeps cached entries for a shorter time"
    CACHES_LONGER = "keeps cached entries for longer"
    CACHES_FEWER = "keeps fewer entries in a cache"
    DROPS_CACHE = "no longer uses a cache, or looks under another key"
    # Waiting and trying again.
    WAITS_SHORTER = "gives up sooner"
    WAITS_LONGER = "waits longer or without end"
    RETRIES_MORE = "tries more often, or sooner again"
    RETRIES_FEWER = "tries less often"
    SLEEPS = "sleeps"
    BLOCKS = "blocks the thread that serves everybody"
    SERIALISES = "does one after the other what it did at once"
    # Capacity.
    POOLS_FEWER = "has fewer connections, workers or replicas"
    POOLS_MORE = "opens more connections, or does more at once"
    BATCHES_MORE = "does more at a time"
    RATE_LOWER = "admits fewer requests"
    RATE_HIGHER = "admits more requests"
    SIZE_LOWER = "admits smaller sizes only"
    RUNS_OFTENER = "runs more often"
    COSTS_MORE = "computes more for each request"
    BACKTRACKS = "matches a regular expression that can backtrack without end"
    LOGS_MORE = "writes more logs, metrics or traces"
    # Contracts.
    RENAMES = "renames a field, key, header or constant that others use"
    CHANGES_FORMAT = "reads or writes another format"
    REQUIRES_MORE = "refuses what it accepted"
    POINTS_ELSEWHERE = "talks to another place"
    CHANGES_ACCESS = "changes who may do what, or how callers prove who they are"
    CHANGES_NETWORK = "changes who may connect to whom"
    CHANGES_TLS = "changes how connections are encrypted"
    CHANGES_NAMES = "changes how names are resolved"
    BUMPS_DEPENDENCY = "uses another library, or another version of one"
    CHANGES_BASE = "runs on another base image or runtime"
    # Settings.
    DROPS_SETTING = "takes away a setting, secret or variable"
    NEEDS_SETTING = "needs a setting that it brings no value for"
    FLIPS_SWITCH = "turns something on or off"
    CHANGES_UNIT = "changes the unit of a number"
    CHANGES_VALUE = "changes a setting"
    CHANGES_PLACEMENT = "changes where and how instances are placed"
    STRICTER_PROBES = "is judged dead or unready sooner"
    # Behaviour.
    REMOVES = "takes something away that was there"
    REORDERS = "does the same in another order"
    STOPS_SOONER = "stops instances before their work is done"
    DROPS_WAIT = "no longer waits for work to end"
    DROPS_GUARD = "no longer checks for, or catches, something"
    DROPS_LOCK = "shares state that was guarded"
    DROPS_DEDUP = "may do things twice"
    CHANGES_ACK = "confirms messages or writes at another time"
    SHIFTS_TIME = "treats time zones differently"
    CHANGES_NUMBERS = "computes with other types or rounding"
    ENDS_LOOP_ELSEWHERE = "ends a loop elsewhere, or never"
    FLIPS_CONDITION = "decides the other way round"
    CHANGES_LOGIC = "changes what is computed"
