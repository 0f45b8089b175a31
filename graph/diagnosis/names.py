"""Names by which others speak of a resource."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def name_pattern(uid: str) -> re.Pattern[str]:
    """Return what finds the name of something in what others say."""
    return re.compile(rf"(?<![\w-]){re.escape(bare_name(uid))}(?![\w-])", re.IGNORECASE)


def bare_name(uid: str) -> str:
    """The name by which others speak of something: without environment and prefix.

    >>> bare_name("svc://shop/node:ip-10-0-1-2"), bare_name("k8s://demo/apps/Deployment/shop/cart")
    ('ip-10-0-1-2', 'cart')
    """
    return uid.rpartition("/")[2].rpartition(":")[2]
