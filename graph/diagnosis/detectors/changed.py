"""What changed lately on a path that a subject depends on, although it runs as declared now: deployments mostly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from graph.attribution import Place, attribute_place, where
from graph.change import Change, Channel
from graph.diagnosis.context import LOOK_BACK, Context
from graph.diagnosis.effects import Difference, Effect, effect_of
from graph.diagnosis.hypothesis import Hypothesis, Point, Weight
from graph.diagnosis.telling import attributed, short, told
from graph.diagnosis.usage import is_used
from graph.document import ABSENT, Object, put
from graph.place import is_near, is_same, leaves, read, read_same
from graph.resource import Facet, Platform, Resource
from graph.workloads import workload_of

_BOOKKEEPING = re.compile(
    r"/status(/|$)|/metadata/(managedFields|resourceVersion|generation|uid|creationTimestamp|selfLink|deletion)"
    r"|/metadata/annotations/(kubectl|deployment\.kubernetes|.*(checksum|restartedAt|helm|argocd))|/version$|/serial$"
)
_MADE_BY_CONTROLLERS = frozenset({"Pod", "ReplicaSet", "EndpointSlice", "Endpoints", "Event", "Lease", "Node"})
_MAX_PLACES = 20
"""Of one resource; a rewrite of a whole object need not be told field by field."""


def changed(context: Context) -> Iterable[Hypothesis]:
    """Yield a hypothesis for each resource that changed within the last week and has no drift at those places."""
    for uid in context.reach:
        resource = _resource(context, uid)
        if resource is None or resource.kind in _MADE_BY_CONTROLLERS or workload_of(context.graph, uid) != uid:
            continue
        if context.graph.body(uid, Facet.ACTUAL) is None:
            yield from _vanished(context, uid, resource)
        else:
            yield from _altered(context, uid, resource)


def _altered(context: Context, uid: str, resource: Resource) -> Iterator[Hypothesis]:
    seen: list[tuple[Place, Effect, Change]] = []
    for place, old in list(_places(context, uid))[:_MAX_PLACES]:
        new = context.graph.body(uid, Facet.ACTUAL)
        difference = Difference(
            resource=resource, path=place.path, before=place.before, after=place.after, old=old, new=new
        )
        effect = effect_of(difference)
        if effect is None or not is_used(context, uid, place.path):
            continue
        change = attribute_place(context.graph, place, deployers=context.deployers)
        if change.latest >= context.started_at - LOOK_BACK:
            seen.append((place, effect, change))
    if seen:
        yield _hypothesis(context, uid, seen)


def _hypothesis(context: Context, uid: str, seen: list[tuple[Place, Effect, Change]]) -> Hypothesis:
    order = {Weight.BREAKS: 0, Weight.ALTERS: 1, Weight.HARMLESS: 2}
    seen.sort(key=lambda s: (order[s[1].weight], s[1].kind != "bad_image", -s[2].latest.timestamp()))
    place, effect, change = seen[0]
    kinds = {e.kind for _, e, _ in seen if e.weight is not Weight.HARMLESS}
    is_rollout = change.channel is Channel.DEPLOYMENT and len(kinds) > 1
    kind = "bad_rollout" if is_rollout else effect.kind
    name = context.name(uid)
    value = context.ledger.state(uid, place.path, place.after)
    places = len(seen)
    text = f"{name} changed at {place.path}" + (f" and {places - 1} other places." if places > 1 else ".")
    points = [Point(rule="changed", text=text, evidence=(value, context.ledger.change(change)))]
    points += attributed(context, change)
    if effect.weight is Weight.HARMLESS:
        points.append(Point(rule="harmless", text=f"This takes nothing away: {name} {effect.what}.", evidence=(value,)))
    elif effect.weight is Weight.BREAKS and effect.loss is not None:
        text = f"The statement of {name} at {effect.loss.path} was removed or narrowed."
        points.append(Point(rule="takes_away", text=text, evidence=(value,)))
    return Hypothesis(
        resource=uid,
        kind=kind,
        summary=f"{name} {effect.what}, as declared: it changed {told(change)}.",
        points=tuple(points),
        weight=effect.weight,
        change=change,
        path=context.reach[uid].path,
        places=tuple(p.path for p, _, _ in seen),
        values=(*(effect.loss.actions if effect.loss else ()), *(v for p, _, _ in seen if (v := short(p.after)))),
    )


def _vanished(context: Context, uid: str, resource: Resource) -> Iterator[Hypothesis]:
    """A resource that something refers to, that was there and is gone, and that nobody declares."""
    if context.findings.get(uid) or context.graph.body(uid, Facet.INTENDED) is not None:
        return
    versions = context.graph.history(uid, Facet.ACTUAL)
    last = versions[-1] if versions else None
    writes = [c for c in context.graph.changes(uid) if c.kind not in ("commit", "deploy", "rollback")]
    if last is None and not writes:
        return
    gone = Place(uid=uid, path="", before=ABSENT, after=ABSENT)
    change = attribute_place(context.graph, gone, deployers=context.deployers)
    old = last.body if last else None
    effect = effect_of(Difference(resource=resource, path="", before=ABSENT, after=ABSENT, old=old, new=None))
    if effect is None or change.latest < context.started_at - LOOK_BACK:
        return
    name = context.name(uid)
    noted = context.ledger.change(change)
    users = [r for r in context.graph.incoming(uid) if r.source in context.reach and not r.optional]
    points = [Point(rule="changed", text=f"{name} was there before and no longer exists.", evidence=(noted,))]
    points += attributed(context, change)
    if users:
        route = context.ledger.route((users[0].source, uid), (users[0],))
        text = f"{context.name(users[0].source)} needs {name}, which no longer exists."
        points.append(Point(rule="takes_away", text=text, evidence=(noted, route)))
    yield Hypothesis(
        resource=uid,
        kind=effect.kind,
        summary=f"{name} {effect.what}: it went {told(change)}.",
        points=tuple(points),
        weight=effect.weight,
        change=change,
        path=context.reach[uid].path,
        values=(resource.name,),
    )


def _places(context: Context, uid: str) -> Iterator[tuple[Place, Object | None]]:
    """Yield places that changed lately and still hold the value they changed to, with the object before."""
    drifted = [where(f) for f in context.findings.get(uid, ())]
    body = context.graph.body(uid, Facet.ACTUAL)
    done: set[str] = set()
    for place, old in (*_from_versions(context, uid), *_from_records(context, uid)):
        known = place.path in done or any(is_near(place.path, d) for d in drifted)
        if known or not place.path or _BOOKKEEPING.search(place.path):
            continue
        if is_same(read(body, place.path), place.after):
            done.add(place.path)
            yield place, old


def _from_versions(context: Context, uid: str) -> Iterator[tuple[Place, Object | None]]:
    versions = context.graph.history(uid, Facet.ACTUAL)
    body = context.graph.body(uid, Facet.ACTUAL)
    for older, newer in reversed(list(pairwise(versions))):
        if newer.valid_from < context.started_at - LOOK_BACK:
            return
        for path in leaves(older.body, newer.body):
            if _BOOKKEEPING.search(path):
                continue
            before, after = read_same(path, newer.body, older.body), read(newer.body, path)
            if is_same(read(body, path), after):
                yield Place(uid=uid, path=path, before=before, after=after), older.body


def _from_records(context: Context, uid: str) -> Iterator[tuple[Place, Object | None]]:
    """Commits and writes that tell a field with its value before."""
    for change in reversed(context.graph.changes(uid)):
        if change.latest < context.started_at - LOOK_BACK:
            return
        tells = change.path and change.before is not ABSENT and not is_same(change.before, change.after)
        if tells and change.kind not in ("deploy", "rollback"):
            place = Place(uid=uid, path=change.path, before=change.before, after=change.after)
            yield place, _as_before(context, place)


def _as_before(context: Context, place: Place) -> Object | None:
    """The present object with the value that a record says stood there before."""
    try:
        old = put(context.graph.body(place.uid, Facet.ACTUAL), place.path, place.before)
    except KeyError:
        # The place lies inside a document that is kept as text, or past the end of a list that shrank.
        return None
    return old if isinstance(old, dict) else None


def _resource(context: Context, uid: str) -> Resource | None:
    """The resource, or what its uid and history tell of one that is gone."""
    if found := context.resource(uid):
        return found
    versions = context.graph.history(uid, Facet.ACTUAL)
    if versions:
        return versions[-1].resource
    parts = uid.removeprefix("k8s://").split("/")
    if not uid.startswith("k8s://") or len(parts) != 5:
        return None
    _, group, kind, namespace, name = parts
    return Resource(
        uid=uid,
        platform=Platform.KUBERNETES,
        kind=kind,
        name=name,
        namespace=None if namespace == "-" else namespace,
        group="" if group == "core" else group,
    )
