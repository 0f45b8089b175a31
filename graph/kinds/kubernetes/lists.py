"""Lists: whether their order means anything, and which entries belong together: by key, else from both ends inwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from graph.document import Json

Key = tuple[Json, ...]

ANY_ORDER: Final = frozenset(
    {
        ("Capabilities", "add"),
        ("Capabilities", "drop"),
        ("ClusterRole", "rules"),
        ("ClusterRoleBinding", "subjects"),
        ("Endpoints", "subsets"),
        ("EndpointSlice", "endpoints"),
        ("EndpointSlice", "ports"),
        ("EndpointSubset", "addresses"),
        ("EndpointSubset", "notReadyAddresses"),
        ("EndpointSubset", "ports"),
        ("HorizontalPodAutoscalerSpec", "metrics"),
        ("LabelSelectorRequirement", "values"),
        ("NetworkPolicyEgressRule", "ports"),
        ("NetworkPolicyEgressRule", "to"),
        ("NetworkPolicyIngressRule", "from"),
        ("NetworkPolicyIngressRule", "ports"),
        ("NetworkPolicySpec", "egress"),
        ("NetworkPolicySpec", "ingress"),
        ("NetworkPolicySpec", "policyTypes"),
        ("NodeSelectorRequirement", "values"),
        ("PersistentVolumeClaimSpec", "accessModes"),
        ("PersistentVolumeSpec", "accessModes"),
        ("PodSpec", "tolerations"),
        ("PolicyRule", "apiGroups"),
        ("PolicyRule", "nonResourceURLs"),
        ("PolicyRule", "resourceNames"),
        ("PolicyRule", "resources"),
        ("PolicyRule", "verbs"),
        ("Role", "rules"),
        ("RoleBinding", "subjects"),
        ("ServiceAccount", "imagePullSecrets"),
        ("ServiceSpec", "externalIPs"),
        ("ServiceSpec", "loadBalancerSourceRanges"),
    }
)
"""Lists that the schema calls atomic and whose order means nothing (rules N11, N18, N19)."""


class Pairing(NamedTuple):
    """Positions of entries that belong together, and of those that stand alone."""

    pairs: list[tuple[int, int]]
    only_x: list[int]
    only_y: list[int]
    alike: Sequence[tuple[int, int]] = ()
    """Pairs that are equal by the measure of whoever asked, where those are not among `pairs`."""


def pair_by_key(
    xs: Sequence[Json],
    ys: Sequence[Json],
    key_x: Sequence[Key],
    key_y: Sequence[Key],
    equal: Callable[[Json, Json], bool],
) -> Pairing:
    """Pair entries with equal keys. Duplicate keys pair as multisets: equal entries first, then in order (N13)."""
    places_x, places_y = _places(key_x), _places(key_y)
    pairs: list[tuple[int, int]] = []
    only_x: list[int] = []
    only_y = [j for key, js in places_y.items() if key not in places_x for j in js]
    for key, here in places_x.items():
        there = places_y.get(key, [])
        if len(here) == len(there) == 1:
            pairs.append((here[0], there[0]))
            continue
        left_x, left_y = list(here), list(there)
        for i in here:
            found = next((j for j in left_y if equal(xs[i], ys[j])), None)
            if found is not None:
                pairs.append((i, found))
                left_x.remove(i)
                left_y.remove(found)
        pairs += zip(left_x, left_y, strict=False)
        only_x += left_x[len(left_y) :]
        only_y += left_y[len(left_x) :]
    return Pairing(sorted(pairs), sorted(only_x), sorted(only_y))


def _places(keys: Sequence[Key]) -> dict[Key, list[int]]:
    places: dict[Key, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        places[key].append(position)
    return places


def align(xs: Sequence[Json], ys: Sequence[Json], equal: Callable[[Json, Json], bool]) -> Pairing:
    """Pair entries by position: the common head and tail are alike; what lies between when it is equally long."""
    head = 0
    while head < min(len(xs), len(ys)) and equal(xs[head], ys[head]):
        head += 1
    tail = 0
    while tail < min(len(xs), len(ys)) - head and equal(xs[-1 - tail], ys[-1 - tail]):
        tail += 1
    middle_x, middle_y = range(head, len(xs) - tail), range(head, len(ys) - tail)
    alike = [(i, i) for i in range(head)] + [(len(xs) - i, len(ys) - i) for i in range(tail, 0, -1)]
    if len(middle_x) == len(middle_y):
        return Pairing(list(zip(middle_x, middle_y, strict=True)), [], [], alike)
    return Pairing([], list(middle_x), list(middle_y), alike)


def match_anywhere(xs: Sequence[Json], ys: Sequence[Json], equal: Callable[[Json, Json], bool]) -> Pairing:
    """Pair equal entries wherever they stand, as alike; the rest is paired in order."""
    left = list(range(len(ys)))
    rest: list[int] = []
    alike: list[tuple[int, int]] = []
    for i, x in enumerate(xs):
        found = next((j for j in left if equal(x, ys[j])), None)
        if found is None:
            rest.append(i)
        else:
            left.remove(found)
            alike.append((i, found))
    if len(rest) == len(left):
        return Pairing(list(zip(rest, left, strict=True)), [], [], alike)
    return Pairing([], rest, left, alike)
