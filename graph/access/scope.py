"""Which facts have a say in a question at any time, so that thousands of others need not be looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from graph.access.fact import Fact, FactKind, key_id, last_part
from graph.access.question import Question
from graph.access.timeline import Timeline
from graph.document import ABSENT, Json

_ALWAYS = frozenset(
    {
        FactKind.ENDPOINT,
        FactKind.ENDPOINT_POLICY,
        FactKind.NETWORK,
        FactKind.ORGANISATION_PARENT,
        FactKind.ORGANISATION_POLICY,
        FactKind.ORGANISATION_TARGET,
        FactKind.ORGANISATION_TYPE,
    }
)
"""Few, and they reach far."""
_OF_ROLES = frozenset(
    {
        FactKind.ATTACHED,
        FactKind.BOUNDARY,
        FactKind.INLINE,
        FactKind.ROLE,
        FactKind.ROLE_TAG,
        FactKind.TRUST,
    }
)
_OF_KEYS = frozenset({FactKind.GRANT, FactKind.KEY, FactKind.KEY_POLICY, FactKind.KEY_STATE, FactKind.KEY_TAG})
_ROLE_OF_SERVICE = frozenset({FactKind.ANNOTATED_ROLE, FactKind.FUNCTION_ROLE, FactKind.POD_IDENTITY})


def narrowed(timeline: Timeline, question: Question) -> Timeline:
    """Return the part of a timeline that can have a say in a question."""
    scope = _Scope(timeline, question)
    return Timeline(
        initial={fact: value for fact, value in timeline.initial.items() if scope.has(fact)},
        steps=[step for step in timeline.steps if scope.has(step.fact)],
        homes=timeline.homes,
    )


class _Scope:
    """The names that a question leads to, over all times."""

    def __init__(self, timeline: Timeline, question: Question) -> None:
        self._question = question
        self._values: dict[FactKind, dict[Fact, list[Json]]] = defaultdict(lambda: defaultdict(list))
        for fact, value in _everything(timeline):
            self._values[fact.kind][fact].append(value)
        service = question.service
        self._services = {service.uid, service.name, *service.aliases}
        self._accounts = self._service_accounts()
        self._associations = {
            fact.subject for fact, values in self._values[FactKind.POD_IDENTITY_OF].items() if self._is_ours(values)
        }
        self._tasks = {
            str(v) for f, vs in self._values[FactKind.TASK].items() if f.subject in self._services for v in vs
        }
        self._roles = {last_part(role) for role in self._role_arns()} | self._services
        self._policies = {
            *(f.member for f in self._values[FactKind.ATTACHED] if f.subject in self._roles),
            *(str(v) for f, vs in self._values[FactKind.BOUNDARY].items() if f.subject in self._roles for v in vs),
        }
        self._keys = self._key_ids()

    def has(self, fact: Fact) -> bool:
        """Whether a fact can have a say."""
        if fact.kind in _ALWAYS:
            return True
        if fact.kind in _OF_ROLES:
            return fact.subject in self._roles
        if fact.kind in _OF_KEYS:
            return fact.subject in self._keys
        return {
            FactKind.POLICY: self._policies,
            FactKind.ALIAS: self._aliases,
            FactKind.ANNOTATED_ROLE: self._accounts,
            FactKind.POD_IDENTITY: self._associations,
            FactKind.POD_IDENTITY_OF: self._associations,
            FactKind.TASK_ROLE: self._tasks,
        }.get(fact.kind, self._services).__contains__(fact.subject)

    def _service_accounts(self) -> set[str]:
        cluster = self._question.service.uid.split("/")[2] if "//" in self._question.service.uid else ""
        names = [str(v) for f, vs in self._values[FactKind.RUNS_AS].items() if f.subject in self._services for v in vs]
        space = self._question.service.namespace
        return {f"k8s://{cluster}/core/ServiceAccount/{space}/{name}" for name in (*names, "default")}

    def _is_ours(self, places: list[Json]) -> bool:
        ours = {"/".join(uid.split("/")[-2:]) for uid in self._accounts}
        return any(place in ours for place in places)

    def _role_arns(self) -> Iterator[str]:
        mine = self._accounts | self._associations | self._services
        for kind in _ROLE_OF_SERVICE:
            for fact, values in self._values[kind].items():
                if fact.subject in mine:
                    yield from (str(v) for v in values)
        for fact, values in self._values[FactKind.TASK_ROLE].items():
            if fact.subject in self._tasks:
                yield from (str(v) for v in values)

    def _key_ids(self) -> set[str]:
        target = self._question.target
        alias = target.rpartition(":")[2] if "alias/" in target else ""
        keys = {str(v) for f, vs in self._values[FactKind.ALIAS].items() if f.subject == alias for v in vs}
        keys.add(key_id(target))
        self._aliases = {alias} | {
            f.subject for f, vs in self._values[FactKind.ALIAS].items() if keys & set(map(str, vs))
        }
        return keys


def _everything(timeline: Timeline) -> Iterator[tuple[Fact, Json]]:
    pairs: Mapping[Fact, Json] = timeline.initial
    yield from ((fact, value) for fact, value in pairs.items() if value is not ABSENT)
    for step in timeline.steps:
        yield from ((step.fact, value) for value in (step.before, step.after) if value is not ABSENT)
