"""Which commit is blamed, over incidents of our own making in several languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph.change import Change
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.verdict import CommitVerdict, rank_commits
from graph.diagnosis.complaints import Complaint
from tests.graph.diagnosis.commits.incidents import Incident, incidents

ONSET = 10_000.0
LEAK = """+var seen []Request
+func remember(r Request) {
+    seen = append(seen, r)
+}"""


def change(
    kind: str, version: str, at: float, *, uid: str = "", files: tuple[str, ...] = (), diff: str = "", says: str = ""
) -> Change:
    return Change(
        id=f"{kind} {version} {at}",
        uid=uid,
        kind=kind,
        latest=datetime.fromtimestamp(at, UTC),
        reference=version,
        files=files,
        diff=diff,
        summary=says,
    )


def judged(incident: Incident) -> CommitVerdict:
    """The guilty commit arrives first, the innocent ones later and closer to the onset."""
    services = {service for service, _ in incident.says}
    commits, deploys = [], []
    for number, diff in enumerate(filter(None, (incident.guilty, *incident.innocent))):
        name = "guilty" if diff is incident.guilty else f"innocent {number}"
        at = 1000.0 * (number + 1)
        commits.append(change("commit", name, at, files=(diff.file,), diff=diff.text))
        uid = next((s for s in sorted(services) if s in diff.file.split("/")), incident.says[0][0])
        deploys.append(change("deploy", name, at + 300, uid=uid))
    complaints = [Complaint(service=s, text=t, key=str(n)) for n, (s, t) in enumerate(incident.says)]
    subject = incident.says[0][0]
    return rank_commits(
        Scene(commits=commits, deploys=deploys, complaints=complaints, onset=ONSET, subjects=(subject,))
    )


@pytest.mark.parametrize("incident", incidents(), ids=lambda i: i.name)
def test_the_commit_that_explains_the_trouble_is_blamed(incident: Incident) -> None:
    """Or none, with the sort of cause that lies outside."""
    found = judged(incident)
    assert (found.guilty.version if found.guilty else "none") == ("guilty" if incident.guilty else "none")
    if incident.guilty is None:
        assert found.apart is not None
        assert found.apart.sort.name == incident.outside
