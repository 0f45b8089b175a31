"""Which key or other resource a question about a permission means."""

from __future__ import annotations

from dataclasses import replace

from graph.access.fact import FactKind
from graph.access.loss import find_loss
from graph.access.question import Question
from graph.access.scope import narrowed
from graph.access.timeline import Timeline
from graph.environment import EnvironmentGraph
from graph.errors import Conflict, Invalid, NotFound
from graph.kinds.lenient import text
from graph.lookup import find
from graph.resource import Facet

_MOST = 200
"""Keys to try when none is named; an estate with more must name one."""


def named_target(graph: EnvironmentGraph, timeline: Timeline, name: str) -> str:
    """Return the ARN, key id or alias that a name stands for.

    Raises:
        NotFound: nothing goes by this name.
        Conflict: several things do.
    """
    if "alias/" in name:
        return name.rpartition(":")[2]
    if name.startswith("arn:") or name == "*":
        return name
    if any(fact.kind is FactKind.KEY and fact.subject == name for fact in timeline.initial):
        return name
    found = find(graph, name)
    values = (graph.body(found.uid, Facet.ACTUAL) or graph.body(found.uid, Facet.INTENDED) or {}).get("values", {})
    known = text(values, "name") if found.kind == "aws_kms_alias" else text(values, "arn")
    if not known:
        raise NotFound(f"{name!r} has no ARN: permissions are about cloud resources; name a key, an alias or an ARN")
    return known


def lost_targets(timeline: Timeline, question: Question) -> str:
    """Return the one key, or alias of a key, on which the permission was lost.

    Raises:
        Invalid: the action is none of KMS, or no key or several were lost; the message says what to name.
    """
    if not question.action.lower().startswith("kms:"):
        raise Invalid(f"say on which resource {question.action!r} was lost: an ARN")
    facts = dict.fromkeys((*timeline.initial, *(s.fact for s in timeline.steps)))
    keys = [f.subject for f in facts if f.kind is FactKind.KEY]
    aliases = [f.subject for f in facts if f.kind is FactKind.ALIAS]
    if len(keys) + len(aliases) > _MOST:
        raise Invalid(f"say on which key: there are more than {_MOST}")
    lost = [k for k in keys if _is_lost(timeline, replace(question, target=k))]
    if not lost:
        lost = [a for a in aliases if _is_lost(timeline, replace(question, target=a))]
    if len(lost) == 1:
        return lost[0]
    if lost:
        raise Conflict(f"{question.action} was lost on {', '.join(sorted(lost)[:5])}: name one of them")
    if len(keys) == 1:
        return keys[0]
    raise Invalid(f"no key is known on which {question.action} was lost: name the key or alias")


def _is_lost(timeline: Timeline, question: Question) -> bool:
    return find_loss(question, narrowed(timeline, question))[1] is not None
