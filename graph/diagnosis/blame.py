"""Which change did it, out of everything that was ranked; and what sort of action would end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graph.change import Change, Channel
from graph.diagnosis.calibration import confidence_of
from graph.diagnosis.code.effect import Effect
from graph.diagnosis.code.migrations import MIGRATION
from graph.diagnosis.code.patch import is_quiet
from graph.diagnosis.commits.trouble import Trouble
from graph.diagnosis.commits.verdict import CommitVerdict, is_configuration
from graph.diagnosis.context import Context
from graph.diagnosis.hypothesis import Hypothesis
from graph.diagnosis.ranking import Ranked, counted, worth
from graph.diagnosis.result import ChangeVerdict, Remedy, Statement, Suspicion

_MOST_SUSPECTS = 20
_OUTSIDE = {
    "outside_failure": Remedy.ESCALATE_OUTSIDE,
    "quota_exhausted": Remedy.ESCALATE_OUTSIDE,
    "certificate_expired": Remedy.ROTATE_CREDENTIAL,
    "credential_expired": Remedy.ROTATE_CREDENTIAL,
    "machines_lost": Remedy.FAIL_OVER,
    "noisy_neighbour": Remedy.FAIL_OVER,
    "store_maintained": Remedy.FAIL_OVER,
    "traffic_surge": Remedy.SCALE,
    "data_outgrown": Remedy.REPAIR,
    "bad_data": Remedy.REMOVE_BAD_DATA,
}
"""What ends a cause that no commit has, by its kind"""


def change_verdict(context: Context, ranked: Sequence[Ranked]) -> ChangeVerdict | None:
    """Say which change did it: that of the leading hypothesis, or none where the leading one is no change.

    A commit is blamed, and all of them acquitted, only where more than one sign shows it; else the question is open.

    Returns:
        None where no change is known, or none bears on what failed: then there is nothing to acquit.
    """
    judged = context.commit_verdict
    suspects = [r for r in ranked if r.hypothesis.change is not None]
    if not suspects and judged is None:
        return None
    top = ranked[0] if ranked else None
    guilty = top.hypothesis.change if top is not None and top.confidence > 0 else None
    is_open = judged is not None and _is_open(judged, guilty)
    return ChangeVerdict(
        guilty=_bare(guilty) if guilty and not is_open else None,
        confidence=0.0 if is_open else _confidence(top, guilty),
        suspects=tuple(_suspicion(r) for r in suspects[:_MOST_SUSPECTS]),
        is_open=is_open,
    )


def _is_open(judged: CommitVerdict, guilty: Change | None) -> bool:
    """Whether what leads is a commit, or none, and the commits do not show it."""
    if guilty is not None and guilty not in [s.commit for s in judged.suspects]:
        return False
    return not judged.is_clear or guilty != judged.guilty


def remedy(context: Context, ranked: Sequence[Ranked]) -> Remedy | None:
    """Say what sort of action would end what the leading hypothesis names."""
    if not ranked or ranked[0].confidence <= 0:
        return Remedy.ESCALATE_OUTSIDE if context.commit_verdict is not None else None
    top = ranked[0].hypothesis
    if top.kind in _OUTSIDE:
        return _OUTSIDE[top.kind]
    if top.change is None:
        return Remedy.RESTORE_DECLARED if top.drift is not None else Remedy.REPAIR
    return _of_change(context, top, top.change)


def _of_change(context: Context, hypothesis: Hypothesis, change: Change) -> Remedy:
    judged = context.commit_verdict
    if change.kind == "commit" and change.diff:
        if judged is not None and judged.guilty == change:
            if judged.flag is not None:
                return Remedy.TURN_FLAG_OFF
            if _is_half_migrated(change, judged):
                return Remedy.ROLL_FORWARD
        return Remedy.REVERT_CONFIGURATION if is_configuration(change) else Remedy.ROLL_BACK
    if hypothesis.drift is not None and change.channel is not Channel.DEPLOYMENT:
        return Remedy.RESTORE_DECLARED
    return Remedy.REVERT_CONFIGURATION if change.kind in ("config", "feature_flag") else Remedy.ROLL_BACK


def _is_half_migrated(change: Change, judged: CommitVerdict) -> bool:
    """Whether code lacks its table, or a migration ran: bringing back the code before brings back no"
    " index or column."""
    is_lacking = Effect.QUERIES_NEW_TABLE in judged.effects and Trouble.MISSING in judged.troubles
    return is_lacking or any(MIGRATION.search(path) for path in change.files if not is_quiet(path))


def _confidence(top: Ranked | None, guilty: Change | None) -> float:
    """Confidence in the verdict; that no change did it is as sure as what did it instead, and else a guess."""
    if top is None or top.confidence <= 0:
        return _GUESS
    is_told = guilty is not None or top.hypothesis.change is None
    return confidence_of(top.hypothesis, top.confidence) if is_told else _GUESS


_GUESS = 0.4


def _suspicion(ranked: Ranked) -> Suspicion:
    assert ranked.hypothesis.change is not None
    points = [p for p in counted(ranked.hypothesis) if worth(p) > 0]
    return Suspicion(
        change=_bare(ranked.hypothesis.change),
        confidence=confidence_of(ranked.hypothesis, ranked.confidence),
        statements=tuple(Statement(text=p.text, evidence=p.evidence) for p in points),
    )


def _bare(change: Change) -> Change:
    return replace(change, diff="") if change.diff else change
