"""Who a name in a record stands for, as far as the name itself tells.

A user agent is never looked at: it is self-declared.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from graph.change import Actor, ActorType

_BOT: Final = re.compile(r"\[bot\]|(?:^|[-_ .<(])bot(?:$|[-_ .>)@+])", re.IGNORECASE)


def git_actor(author: str, *, deployers: Collection[str]) -> Actor:
    """Return the author of a commit, given as `NAME <ADDRESS>`: a person, unless a declared deployer or a bot.

    >>> git_actor("renovate[bot] <bot@example.com>", deployers=()).type.value
    'automation'
    """
    name, _, rest = author.partition(" <")
    address = rest.rstrip("> ")
    is_automatic = bool({name, address, author} & set(deployers)) or bool(_BOT.search(name) or "[bot]" in address)
    kind = ActorType.AUTOMATION if is_automatic else ActorType.HUMAN
    return Actor(name=name or address, type=kind, session=address)


def kubernetes_actor(username: str, *, deployers: Collection[str], session: str = "") -> Actor:
    """Return the user of a request to an API server.

    Service accounts, nodes and components of the control plane say in their names that they are programs; a name with
    an address is a person; of any other name nothing is known.
    """
    return Actor(name=username, type=_kubernetes_type(username, deployers), session=session)


def is_control_plane(username: str) -> bool:
    """Whether a user is a part of Kubernetes itself: the API server, a node, a built-in controller."""
    return username.startswith(("system:serviceaccount:kube-system:", "system:node:", "system:kube-")) or username in {
        "system:apiserver",
        "system:addon-manager",
    }


def _kubernetes_type(username: str, deployers: Collection[str]) -> ActorType:
    if username in deployers or username.startswith("system:"):
        return ActorType.AUTOMATION
    return ActorType.HUMAN if "@" in username else ActorType.UNKNOWN
