"""What a change of a policy takes away, and what stands in its place."""

from __future__ import annotations

import pytest

from graph.diagnosis.permissions import losses
from graph.document import ABSENT, Absent, Json, Object

KEY = "arn:aws:kms:eu-central-1:111122223333:key/one"


def _allow(action: str, sid: str = "") -> Object:
    statement: Object = {"Effect": "Allow", "Action": action, "Resource": KEY}
    return {"Sid": sid, **statement} if sid else statement


def _body(*statements: Object) -> Object:
    return {"values": {"policy": {"Version": "2012-10-17", "Statement": list(statements)}}}


DECRYPT, ENCRYPT = _allow("kms:Decrypt", "Read"), _allow("kms:Encrypt", "Write")

CASES = {
    "removed-beside-one-about-the-same-key": ([DECRYPT, ENCRYPT], [ENCRYPT], ABSENT),
    "removed-and-the-other-narrowed": ([DECRYPT, _allow("kms:*", "Write")], [ENCRYPT], ABSENT),
    "removed-without-names": ([_allow("kms:Decrypt"), _allow("kms:Encrypt")], [_allow("kms:Encrypt")], ABSENT),
    "narrowed-under-its-name": ([DECRYPT], [_allow("kms:DescribeKey", "Read")], _allow("kms:DescribeKey", "Read")),
    "replaced-under-a-new-name": ([DECRYPT], [_allow("kms:DescribeKey", "New")], _allow("kms:DescribeKey", "New")),
    "narrowed-without-a-name": ([_allow("kms:Decrypt")], [_allow("kms:DescribeKey")], _allow("kms:DescribeKey")),
}


@pytest.mark.parametrize(("before", "after", "twin"), CASES.values(), ids=CASES)
def test_only_what_took_its_place_stands_as_after(
    before: list[Object], after: list[Object], twin: Json | Absent
) -> None:
    """A statement that stood beside the lost one all the time is not what the lost one became."""
    first = losses(_body(*before), _body(*after))[0]
    assert first.before == before[0]
    assert first.after == twin
