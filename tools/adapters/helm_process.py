"""Renders one Helm chart. A script of its own, run with limits: nothing of Plumbline is imported here.

Reads a job from standard input, `{"chart": FOLDER, "release": NAME, "namespace": NAME, "values": {...}}`, and writes
`{"version", "dependencies", "crds", "manifests", "again"}` or `{"error": TEXT}` to standard output. `again` is a second
rendering: where it differs, the chart makes new values each time.
"""

import json
import re
import sys
import time
from typing import Any

import helm_python

_TELLS_TIME = re.compile(r"\{\{[^}]*\bnow\b")


def _render(job: dict[str, Any]) -> dict[str, str]:
    # Rendering takes the subcharts that are switched off out of a loaded chart, so each needs one of its own.
    with helm_python.Chart.load(job["chart"]) as chart:
        return chart.render(job["values"], name=job["release"], namespace=job["namespace"])


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    with helm_python.Chart.load(job["chart"]) as chart:
        crds = chart.crds
        tells_time = any(_TELLS_TIME.search(template["data"]) for template in chart.templates)
    manifests = _render(job)
    if tells_time:
        time.sleep(1.05)  # Most charts that ask for the time take seconds of it.
    return {
        "version": helm_python.helm_sdk_version(),
        "dependencies": helm_python.dependency_list(job["chart"]),
        "crds": crds,
        "manifests": manifests,
        "again": _render(job),
    }


def main() -> None:
    """Answer the job on standard input."""
    try:
        answer = _answer(json.load(sys.stdin))
    except helm_python.HelmError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
