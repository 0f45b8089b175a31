"""Renders what Terraform would write for the shop: plan JSON and state. Formats: Terraform JSON output 1.2, state 4."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from app.demo.sources import CLOUD, parsed
from graph.document import Object
from tools.actions.simulated_cluster.store import copied

_PROVIDER = "registry.terraform.io/hashicorp/aws"
_VERSION = "1.9.8"


def resources(tree: Mapping[str, str]) -> dict[str, Object]:
    """Return all cloud resources of a state of the repository: address to `{"values", "references"}`."""
    data = parsed(tree[CLOUD])
    out: dict[str, Object] = {}
    for address, entry in data["resources"].items():
        values = dict(entry["values"])
        if "policy_file" in entry:
            values["policy"] = _policy(tree, entry["policy_file"])
        out[address] = {"values": values, "references": entry.get("references", {})}
    for name, team in data["roles"].items():
        out |= _role(tree, name, team, data["account"])
    return dict(sorted(out.items()))


def plan(tree: Mapping[str, str], *, at: str) -> str:
    """Return `terraform show -json` of a plan that finds nothing to do.

    Args:
        tree: the repository, for its policies and attributes.
        at: RFC 3339 time of the plan.
    """
    read = tuple((path, text) for path, text in sorted(tree.items()) if not path.startswith("kubernetes/"))
    return _plan(read).replace(_SOME_TIME, at)


_SOME_TIME = "0000-00-00T00:00:00Z"


@functools.lru_cache(maxsize=8)  # most commits leave the cloud as it is
def _plan(tree: tuple[tuple[str, str], ...]) -> str:
    found = resources(dict(tree))
    module = {"root_module": {"resources": [_planned(address, item) for address, item in found.items()]}}
    data = {
        "format_version": "1.2",
        "terraform_version": _VERSION,
        "planned_values": module,
        "resource_changes": [_unchanged(address, item) for address, item in found.items()],
        "prior_state": {"format_version": "1.0", "terraform_version": _VERSION, "values": module},
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": _PROVIDER, "version_constraint": "~> 5.70"}},
            "root_module": {"resources": [_configured(address, item) for address, item in found.items()]},
        },
        "timestamp": _SOME_TIME,
        "applyable": False,
        "complete": True,
        "errored": False,
    }
    return json.dumps(data, indent=1) + "\n"


def state(tree: Mapping[str, str], *, serial: int) -> str:
    """Return the state file that the last apply left."""
    data = {
        "version": 4,
        "terraform_version": _VERSION,
        "serial": serial,
        "lineage": "3b1f6f0e-58a7-4f0c-9d0b-7f4a6f2f8c11",
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": address.partition(".")[0],
                "name": address.partition(".")[2],
                "provider": f'provider["{_PROVIDER}"]',
                "instances": [
                    {
                        "schema_version": 0,
                        "attributes": item["values"],
                        "sensitive_attributes": [],
                        "dependencies": sorted({ref for refs in item["references"].values() for ref in refs}),
                    }
                ],
            }
            for address, item in resources(tree).items()
        ],
        "check_results": None,
    }
    return json.dumps(data, indent=2) + "\n"


def _role(tree: Mapping[str, str], name: str, team: str, account: str) -> dict[str, Object]:
    role = f"kettle-{name}"
    trust = tree["terraform/policies/trust.json.tftpl"].replace("${account}", name)
    return {
        f"aws_iam_role.{name}": {
            "values": {
                "id": role,
                "name": role,
                "arn": f"arn:aws:iam::{account}:role/{role}",
                "path": "/",
                "unique_id": f"AROA3XQKETTLE{name.upper():0<8.8}",
                "assume_role_policy": json.dumps(json.loads(trust), separators=(",", ":")),
                "max_session_duration": 3600,
                "description": "",
                "force_detach_policies": False,
                "tags": {"team": team},
                "tags_all": {"team": team},
            },
            "references": {},
        },
        f"aws_iam_role_policy.{name}": {
            "values": {
                "id": f"{role}:{name}-runtime",
                "name": f"{name}-runtime",
                "role": role,
                "policy": _policy(tree, f"{name}.json"),
            },
            "references": {"role": [f"aws_iam_role.{name}"]},
        },
    }


def _policy(tree: Mapping[str, str], name: str) -> str:
    return json.dumps(json.loads(tree[f"terraform/policies/{name}"]), separators=(",", ":"))


def _identity(address: str) -> Object:
    kind, _, name = address.partition(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name}


def _planned(address: str, item: Object) -> Object:
    head = _identity(address) | {"provider_name": _PROVIDER, "schema_version": 0}
    return head | {"values": item["values"], "sensitive_values": {}}


def _unchanged(address: str, item: Object) -> Object:
    change = {"actions": ["no-op"], "before": item["values"], "after": copied(item["values"])}
    change |= {"after_unknown": {}, "before_sensitive": {}, "after_sensitive": {}}
    return _identity(address) | {"provider_name": _PROVIDER, "change": change}


def _configured(address: str, item: Object) -> Object:
    expressions = {name: {"references": refs} for name, refs in item["references"].items()}
    return _identity(address) | {"provider_config_key": "aws", "expressions": expressions, "schema_version": 0}
