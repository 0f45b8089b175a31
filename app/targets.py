"""From the executor's own settings to what it may write to. Imported by the executor process only."""

from __future__ import annotations

from app.settings import EnvironmentSettings, EstateTargetSettings, KubernetesTargetSettings
from tools.actions.file_estate import FileEstateTarget
from tools.actions.kubernetes import KubernetesTarget
from tools.actions.target import Target


def build_target(settings: EstateTargetSettings | KubernetesTargetSettings, environment: EnvironmentSettings) -> Target:
    """Build the target that `settings` gives access to, in the names of its environment."""
    cluster = environment.cluster or environment.name
    match settings:
        case EstateTargetSettings():
            stack = environment.stack or environment.name
            return FileEstateTarget(settings.path, cluster=cluster, stack=stack, actor="plumbline-executor")
        case KubernetesTargetSettings():
            return KubernetesTarget(kubeconfig=settings.kubeconfig, context=settings.context, cluster=cluster)
