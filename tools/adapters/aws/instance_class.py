"""What the name of an instance class tells. Sizes: https://aws.amazon.com/rds/instance-types/."""

from __future__ import annotations

import re
from typing import Final

_SIZES: Final = {"micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}


def cores_of(instance_class: str) -> float | None:
    """Return the virtual CPUs of a class of today's families; None where the name does not tell.

    >>> cores_of("db.r6g.2xlarge"), cores_of("db.t4g.micro"), cores_of("db.serverless")
    (8.0, 2.0, None)
    """
    size = instance_class.rpartition(".")[2]
    many = re.fullmatch(r"(\d+)xlarge", size)
    return 4.0 * int(many[1]) if many else float(_SIZES[size]) if size in _SIZES else None
