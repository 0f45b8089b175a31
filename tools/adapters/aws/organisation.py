"""Policies of an organisation, to which roots, units and accounts they are attached, and how these are nested.

Only the management account and delegated administrators may read them; for all others they are a named gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ClientError

from tools.adapters.aws.calls import Calls, Found, Way, code_of, shaped, tags

_TYPES: Final = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
_NO_ORGANISATION: Final = "AWSOrganizationsNotInUseException"
_ATTACHMENT: Final = "aws_organizations_policy_attachment"
_POLICY: Final[dict[str, Way]] = {
    "id": "PolicySummary.Id",
    "arn": "PolicySummary.Arn",
    "name": "PolicySummary.Name",
    "description": "PolicySummary.Description",
    "type": "PolicySummary.Type",
    "content": "Content",
    "tags": tags("tagged.Tags"),
}

_ACCOUNT: Final[dict[str, Way]] = {"id": "Id", "arn": "Arn", "name": "Name", "email": "Email", "status": "Status"}


def policies(calls: Calls) -> Iterator[Found]:
    for kind in _TYPES:
        for entry in _listed(calls, kind):
            answer = calls.part(
                "organizations",
                "describe_policy",
                "PolicyNotFoundException",
                of="aws_organizations_policy",
                PolicyId=entry["Id"],
            )
            if not answer:
                continue
            body = answer["Policy"]
            # The policy that AWS attaches everywhere by itself can be neither changed nor tagged.
            live = {"is_default": True} if entry.get("AwsManaged") else {}
            body["tagged"] = (
                {} if live else calls.part("organizations", "list_tags_for_resource", ResourceId=entry["Id"])
            )
            yield Found("aws_organizations_policy", shaped(body, _POLICY), live)
            targets = calls.listed(
                "organizations", "list_targets_for_policy", "Targets", of=_ATTACHMENT, PolicyId=entry["Id"]
            )
            for target in targets or ():
                yield Found(_ATTACHMENT, {"policy_id": entry["Id"], "target_id": target.get("TargetId")}, live)


def members(calls: Calls) -> Iterator[Found]:
    """Yield units and accounts with what they belong to; one that nobody declares is part of the organisation."""
    live = {"belongs_to": "the organisation"}
    try:
        parents = [root["Id"] for root in calls.pages("organizations", "list_roots", "Roots")]
    except ClientError as error:
        if code_of(error) == _NO_ORGANISATION:
            return
        raise
    while parents:
        parent = parents.pop()
        for entry in calls.pages("organizations", "list_accounts_for_parent", "Accounts", ParentId=parent):
            yield Found("aws_organizations_account", {**shaped(entry, _ACCOUNT), "parent_id": parent}, live)
        for entry in calls.pages(
            "organizations", "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent
        ):
            parents.append(entry["Id"])
            values = {"id": entry["Id"], "arn": entry.get("Arn"), "name": entry.get("Name"), "parent_id": parent}
            yield Found("aws_organizations_organizational_unit", values, live)


def _listed(calls: Calls, kind: str) -> list[dict[str, str]]:
    try:
        return list(calls.pages("organizations", "list_policies", "Policies", Filter=kind))
    except ClientError as error:
        if code_of(error) == _NO_ORGANISATION:
            return []
        if kind != _TYPES[0] and code_of(error) in ("InvalidInputException", "PolicyTypeNotEnabledException"):
            # A partition or an organisation that has no policies of this sort.
            return []
        raise
