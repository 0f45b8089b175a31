"""Sorts of causes that no commit has, and what systems say of each. One table; a new sign is a new row."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class Outside(StrEnum):
    """Sorts of causes outside; the value completes "suffers from ..."."""

    PROVIDER = "a provider that fails"
    CERTIFICATE = "a certificate that has run out"
    CREDENTIAL = "a credential that has run out"
    NAMES = "names that do not resolve"
    PLACE = "machines or a zone that are gone"
    NEIGHBOUR = "a neighbour on the same machine"
    QUOTA = "a quota that is used up"
    STORE = "a data store that moved or is being maintained"
    SURGE = "more requests than usual"
    GROWTH = "data that have outgrown a limit"
    DATA = "a record that it can't process"


class Sign(NamedTuple):
    sort: Outside
    says: re.Pattern[str]
    worth: float


def _sign(sort: Outside, says: str, worth: float) -> Sign:
    return Sign(sort, re.compile(says, re.IGNORECASE), worth)


SIGNS: tuple[Sign, ...] = (
    _sign(
        Outside.CERTIFICATE,
        r"certificate.*(expired|not yet valid)|cert_has_expired|expired certificate|certificateexpired",
        4.0,
    ),
    _sign(
        Outside.CREDENTIAL,
        r"(licen[sc]e|password|credentials?|secret|subscription|api key|refresh token) (has |have "
        r"|is )?expired|expiredtoken|\blic\w*[_ -]?expired"
        r"|(licen[sc]e|certificate|contract|subscription)\b.{0,40}\b(days?|hours?) left",
        3.0,
    ),
    # A resolver that fails is nobody's code; a name that it does not know may be.
    _sign(Outside.NAMES, r"servfail|server misbehaving|all upstreams down", 1.0),
    _sign(
        Outside.NAMES,
        r"no such host|servfail|enotfound|name resolution|server misbehaving|lookup \S+ on \S+:53"
        r"|eai_again|nxdomain|all upstreams down",
        2.5,
    ),
    _sign(
        Outside.PLACE,
        r"\bnode\b.*not ?ready|node was low on|(disk|memory|pid) ?pressure|kubelet stopped|spot (interruption"
        r"|reclaim|termination)|preempted"
        r"|instance (terminated|retire|stopped)|hardware|no route to host|host is down|zone (outage|down)"
        r"|az[- ]outage|network is unreachable|link down|rebalance recommendation"
        r"|scheduled maintenance event|machine check|packet loss|retransmi|network partition|bgp|link flap"
        r"|i/o error|input/output error|device reset|nvme\d|bad (sector|block)|\bsector\b|\becc\b"
        r"|disk_io_errors|smart (error|fail)"
        r"|media error|thermal|power (loss|supply|fail)|raid|filesystem (error|corrupt)|ext4-fs error|xfs.*error"
        r"|clock (skew|drift)|ntp|chrony|under.?replicated|leader not available|not enough (in-sync )?replicas",
        2.0,
    ),
    _sign(
        Outside.NEIGHBOUR,
        r"cpu_steal|steal time|noisy neighbou?r|credit balance|cpu credits"
        r"|burst balance",
        2.5,
    ),
    _sign(Outside.NEIGHBOUR, r"node_load|load_average|io_?wait", 1.0),
    _sign(
        Outside.GROWTH,
        r"reached maximum value of sequence|sequence .*(exhausted|reached)|integer out of range.*(id|seq)"
        r"|auto_increment.*(limit|max)"
        r"|transaction id wraparound|xid wraparound|table .* is full|too many (shards|partitions|tables|keys)"
        r"|shard limit"
        r"|maximum (number of )?(shards|partitions|fields|columns)|document count.*(limit|max)|2147483647"
        r"|4294967295|lucene.*max"
        r"|max(imum)? (document|index|table|key) (size|count)|archive|outgrew|grown beyond",
        2.5,
    ),
    _sign(
        Outside.QUOTA,
        r"quota (of|exceeded|reached|exhausted)|over_(query|rate|daily)_limit|(account|plan|subscription"
        r"|tier)\b.*(limited to|limit of"
        r"|suspended)|(daily|monthly|hourly)[ _-]?limit"
        r"|resource_exhausted|insufficient_?(quota|capacity|instance)|payment required"
        r"|resets (at )?\d",
        3.5,
    ),
    _sign(
        Outside.STORE,
        r"read-only transaction|database system is (starting|shutting)|recovery mode|fail(ing|ed)? ?over"
        r"|not (the )?(primary|leader|master)|loading the dataset|under maintenance|cluster_?down"
        r"|replica lag|storage engine|maintenance window|(backup|snapshot|vacuum) (started|running|in progress)",
        2.0,
    ),
    _sign(
        Outside.DATA,
        r"offset[ =]\d+|poison|malformed record|record_id=|same (record|message|offset)|redeliver.*(same"
        r"|offset)|corrupt(ed)? (record|message|file|row|block)|bad (record|row)"
        r"|(partner|supplier|vendor|external|third[- ]party)[ \w-]*(feed|file|payload|record|message|batch|export)"
        r"|(feed|file|payload|export|batch|upload)s? (from |of )?(the )?(partner|supplier|vendor|third[- ]party)"
        r"|(partial|empty|incomplete|truncated) (export|feed|file|dump|upload|delivery)",
        3.0,
    ),
    _sign(
        Outside.PROVIDER,
        # What clouds call a failure of their own, e.g. `KMSInternalException`; a server error of ours has no such name.
        r"[A-Za-z]Internal(Service)?(Exception|Error|Failure)\b|\bInternal(Service(Error|Exception)|Failure)\b"
        r"|third[- ]party|provider (answered|returned|error|unavailable|outage)|(partner|vendor|carrier"
        r"|acquirer|issuer|bank) (api )?(unavailable|down|(returned|answered)(?! 4\d\d)|timed out)",
        2.0,
    ),
)
