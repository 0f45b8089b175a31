"""All incidents of the demo by name."""

from __future__ import annotations

from app.demo.scenario import Expected, Scenario
from app.demo.scenarios_cloud import CLOUD_SCENARIOS
from app.demo.scenarios_cluster import CLUSTER_SCENARIOS
from app.demo.scenarios_quiet import QUIET_SCENARIOS

__all__ = ["SCENARIOS", "Expected", "Scenario"]

SCENARIOS: dict[str, Scenario] = {s.name: s for s in (*CLOUD_SCENARIOS, *CLUSTER_SCENARIOS, *QUIET_SCENARIOS)}
"""Cloud first: the KMS incident is the one that the first screen shows."""
