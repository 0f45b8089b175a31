"""How right a prediction is, by the rules of each set. The first figure of a set is the one its authors publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evals.suite import Prediction
from graph.errors import NotFound

Truth = Mapping[str, Any]
_ALIASES = {"db_read_only": "db_readonly_mode", "gateway_misroute": "gateway_misrouted"}
"""Two names of one cause in the first set: agents are told one, the answers say the other."""
_UNRANKED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One case."""

    case: str
    group: str
    """What its figure is broken down by, e.g. the category of the fault."""
    is_right: bool
    is_answered: bool
    confidence: float | None
    """None when nothing was answered."""
    seconds: float
    figures: Mapping[str, bool | float] = field(default_factory=dict)
    """By name; truth values are summed up as shares, numbers as means. The first is the headline."""

    @property
    def is_confidently_wrong(self) -> bool:
        """Wrong with a confidence of 0.8 or more."""
        return self.is_answered and not self.is_right and (self.confidence or 0.0) >= CONFIDENT


CONFIDENT = 0.8


def score(name: str, truth: Truth, prediction: Prediction) -> Score:
    """Score one prediction.

    Args:
        name: of the set.
        truth: one line of its `truth.jsonl`.
        prediction: the line with the same case; empty when there is none.

    Raises:
        NotFound: there is no such set.
    """
    if name not in _SCORERS:
        raise NotFound(f"there is no set {name!r}; the sets are {', '.join(_SCORERS)}")
    figures, is_right, is_answered = _SCORERS[name](truth, prediction)
    ranked = _ranked(prediction)
    return Score(
        case=str(truth["case"]),
        group=_group(name, truth),
        is_right=is_right,
        is_answered=is_answered,
        confidence=_confidence(ranked) if is_answered else None,
        seconds=float(prediction.get("elapsed_s") or 0.0),
        figures=figures,
    )


_Scored = tuple[dict[str, "bool | float"], bool, bool]


def _cloud_opsbench(truth: Truth, prediction: Prediction) -> _Scored:
    want = (_plain(truth["fault_taxonomy"]), _plain(truth["fault_object"]), _cause(truth["root_cause"]))
    got = [
        (_plain(r.get("category")), _plain(r.get("entity")), _cause(r.get("cause"))) for r in _ranked(prediction)[:3]
    ]
    right = got[:1] == [want]
    figures: dict[str, bool | float] = {"A@1": right, "A@3": want in got}
    figures["right object"] = bool(got) and got[0][1] == want[1]
    return figures, right, bool(got)


def _root_cause_bench(truth: Truth, prediction: Prediction) -> _Scored:
    want = _plain(truth["root_cause_commit"])
    got = "" if prediction.get("abstained") else _plain(prediction.get("change"))
    right = got == want or (len(got) >= 7 and want.startswith(got))
    decoy = got in {_plain(sha) for sha in truth["decoy_deploy_commits"]}
    figures = {
        "pass": right and bool(prediction.get("remediation")),
        "decoy blamed": decoy,
        "first failing service": prediction.get("first_failing") == truth["first_failing_service"],
        "blast radius (Jaccard)": _jaccard(prediction.get("blast_radius") or (), truth["blast_radius"]),
    }
    return figures, right, bool(got)


def _blast_radius_bench(truth: Truth, prediction: Prediction) -> _Scored:
    got = "" if prediction.get("abstained") else _plain(prediction.get("origin"))
    names = {_plain(n) for n in (truth["origin_service"], *truth.get("accept_origin_aliases", ()))}
    want, edges = _edges(truth["propagation_path"]), _edges(prediction.get("propagation") or ())
    is_reversed = any((b, a) in want and (a, b) not in want for a, b in edges)
    is_victim = got in {_plain(v) for v in truth["blast_radius"]}
    recall = len(edges & want) / len(want) if want else 1.0
    right, wrong = got in names, is_victim or is_reversed or not prediction
    others = _jaccard(
        [_plain(v) for v in prediction.get("blast_radius") or ()], [_plain(v) for v in truth["blast_radius"]]
    )
    graded = 0.0 if wrong else 0.5 + 0.5 * recall if right else 0.25 * others
    passed = right and not wrong and recall >= float(truth.get("edge_overlap_threshold", 1.0))
    return {"graded": graded, "pass": passed, "edge recall": recall, "blast radius (Jaccard)": others}, right, bool(got)


def _noise_bench(truth: Truth, prediction: Prediction) -> _Scored:
    said = prediction.get("pages") or {}
    told = {p for p in truth["labels"] if said.get(p) == "page"}
    real = {p for p, label in truth["labels"].items() if label == "page"}
    hits = len(told & real)
    precision, recall = (hits / len(told) if told else 0.0), (hits / len(real) if real else 0.0)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    lost = [p for p in truth["must_page"] if p not in told]
    others = len(real - told - set(truth["must_page"]))
    passed = bool(said) and not lost and others <= truth["miss_budget"] and f1 >= truth["f1_threshold"]
    graded = 0.0 if lost or not said else f1
    figures: dict[str, bool | float] = {"graded": graded, "pass": passed, "missed, must be told": float(len(lost))}
    return figures | {"noise told": float(len(told - real))}, passed, bool(said)


def _changerca(truth: Truth, prediction: Prediction) -> _Scored:
    names = [] if prediction.get("abstained") else [_plain(n) for n in prediction.get("release") or ()]
    guilty = _plain(truth["fault_release_service"])
    rank = names.index(guilty) + 1 if guilty in names else _UNRANKED
    return {"HR@1": rank == 1, "HR@3": rank <= 3, "mean rank": float(min(rank, _UNRANKED))}, rank == 1, bool(names)


def _petshop(truth: Truth, prediction: Prediction) -> _Scored:
    cause, ranked = truth["root_cause"], _ranked(prediction)
    if cause["node"] is None:
        quiet = bool(prediction) and not ranked
        return {"specificity": quiet}, quiet, bool(ranked)
    hits = [r.get("entity") == cause["node"] and cause["metric"] in (None, r.get("cause")) for r in ranked[:3]]
    return {"top-1": hits[:1] == [True], "top-3": any(hits)}, hits[:1] == [True], bool(ranked)


def _opensre(truth: Truth, prediction: Prediction) -> _Scored:
    ranked = _ranked(prediction)
    got = (_plain(ranked[0].get("category")) if ranked else "") or "unknown"
    right = got in truth["accepted_categories"]
    figures: dict[str, bool | float] = {"category": right}
    if truth["root_cause_category"] == "healthy":
        figures["false alarm on healthy"] = got not in ("healthy", "unknown")
    else:
        figures["called healthy"] = got == "healthy"
    return figures, right, got != "unknown"


def _demo(truth: Truth, prediction: Prediction) -> _Scored:
    ranked = _ranked(prediction)
    first = str(ranked[0].get("entity")) if ranked else ""
    said, want = prediction.get("verdict"), truth["verdict"]
    right = said == want and (not truth["cause"] or first == truth["cause"])
    figures: dict[str, bool | float] = {"right": right, "accused wrongly": said == "cause_found" and not right}
    return figures, right, said == "cause_found"


_SCORERS: dict[str, Callable[[Truth, Prediction], _Scored]] = {
    "cloud-opsbench": _cloud_opsbench,
    "root-cause-bench": _root_cause_bench,
    "blast-radius-bench": _blast_radius_bench,
    "noise-bench": _noise_bench,
    "changerca": _changerca,
    "petshop": _petshop,
    "opensre": _opensre,
    "demo": _demo,
}


def _group(name: str, truth: Truth) -> str:
    groups = truth.get("groups") or {}
    if name == "cloud-opsbench":
        return f"{groups.get('system')} {groups.get('category')}"
    return str(groups.get("cell") or groups.get("difficulty") or groups.get("suite") or groups.get("releases") or "all")


def _plain(value: Any) -> str:
    return "" if value is None else str(value).strip().lower()


def _cause(value: Any) -> str:
    return _ALIASES.get(_plain(value), _plain(value))


def _ranked(prediction: Prediction) -> list[dict[str, Any]]:
    return [] if prediction.get("abstained") else list(prediction.get("ranked") or ())


def _confidence(ranked: Sequence[Mapping[str, Any]]) -> float:
    """An answer without a score counts as fully confident."""
    found = ranked[0].get("score") if ranked else None
    return 1.0 if found is None else float(found)


def _jaccard(got: Sequence[Any], want: Sequence[Any]) -> float:
    one, other = set(map(str, got)), set(map(str, want))
    return len(one & other) / len(one | other) if one | other else 1.0


def _edges(path: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(_plain(e.get("from")), _plain(e.get("to"))) for e in path if e.get("from") and e.get("to")}
