"""Through which channel a step of a fact came: a deployment only where actor, run and declared value agree.

The same rule as `graph.channel` has for fields, told of facts, which may outlive the document that stated them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graph.access.observed import Story
from graph.access.timeline import Step, is_same
from graph.access.written import UNREAD, Home, Told, is_call, side
from graph.change import ActorType, Change, Channel
from graph.channel import is_deployer, is_provider
from graph.environment import EnvironmentGraph
from graph.runs import covers, runs


class Deployments:
    """The runs and commits of an environment, with what was declared when."""

    def __init__(self, graph: EnvironmentGraph, declared: Story, *, deployers: frozenset[str]) -> None:
        changes = graph.changes()
        self._runs = runs((c for c in changes if not is_call(c)), environment=graph.name)
        self._commits = [c for c in changes if c.kind == "commit"]
        self._declared = declared
        self._deployers = deployers

    def channel(self, step: Step) -> Channel:
        """Return the channel of a step; unknown without a record."""
        change = step.change
        if change is None or change.actor is None:
            return Channel.UNKNOWN
        if change.channel is Channel.PROVIDER or is_provider(change.actor):
            return Channel.PROVIDER
        if is_deployer(change.actor, self._deployers):
            return self._of_deployer(step)
        return {
            ActorType.HUMAN: Channel.BY_HAND,
            ActorType.AUTOMATION: Channel.OTHER_AUTOMATION,
            ActorType.UNKNOWN: Channel.UNKNOWN,
        }[change.actor.type]

    def run(self, step: Step) -> Change | None:
        """Return the run that made a step, where one did."""
        return next((run for run in self._around(step) if self._renders(step, run)), None)

    def commit(self, step: Step) -> Change | None:
        """Return the commit that declared what a step set, newest first."""
        return next((c for c, value in self._commits_to(step) if _is_told(step, value)), None)

    def _of_deployer(self, step: Step) -> Channel:
        """A deployer's credentials are a deployment only inside a run that renders exactly this value."""
        answers = [self._renders(step, run) for run in self._around(step)]
        if not answers:
            return Channel.BY_HAND
        if True in answers:
            return Channel.DEPLOYMENT
        return Channel.BY_HAND if False in answers else Channel.UNKNOWN

    def _around(self, step: Step) -> list[Change]:
        if step.change is None:
            return []
        at = step.change.latest
        return [run for run in self._runs if covers(run, at)]

    def _renders(self, step: Step, run: Change) -> bool | None:
        """Whether the run's commit declares what the step set; None when nothing that was read tells."""
        told = [value for commit, value in self._commits_to(step) if commit.reference == run.reference]
        if told:
            return any(_is_told(step, value) for value in told)
        segments = self._declared.segments.get(step.fact, ())
        if not segments:
            return None
        begun = run.earliest or run.latest
        around = [s for s in segments if s.first <= begun][-1:] + [s for s in segments if s.first > begun][:1]
        return any(is_same(step.fact, s.value, step.after) for s in around)

    def _commits_to(self, step: Step) -> Iterator[tuple[Change, Told]]:
        """Yield commits that set the fact, newest first, with what they set it to."""
        homes: Sequence[Home] = [
            home for uid in self._uids(step) for fact, home in self._declared.aliases.get(uid, ()) if fact == step.fact
        ]
        for commit in reversed(self._commits):
            for home in homes:
                if commit.uid == home.resource.uid:
                    value = side(commit, commit.after, step.fact, home)
                    if value is not UNREAD:
                        yield commit, value

    def _uids(self, step: Step) -> list[str]:
        home = step.home or self._declared.homes.get(step.fact)
        return [home.resource.uid] if home else []


def _is_told(step: Step, value: Told) -> bool:
    return value is not UNREAD and is_same(step.fact, value, step.after)
