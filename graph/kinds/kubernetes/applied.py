"""Find what the deployer last wrote in the annotation that `kubectl apply` and its kin leave on live objects."""

from __future__ import annotations

import json

from graph.document import get, pointer
from graph.errors import Invalid
from graph.kinds.kubernetes.plain import plain
from graph.kinds.kubernetes.redact import LAST_APPLIED, is_secret
from graph.version import Document

_PATH = pointer("metadata", "annotations", LAST_APPLIED)


def last_applied(document: Document) -> Document | None:
    """Return the applied facet of an observed object, or None when it carries none that can be read.

    The annotation of another object (copied along with it) is not taken for this one.
    """
    text = get(document.body, _PATH)
    if not isinstance(text, str):
        return None
    try:
        body = plain(json.loads(text))
    except (ValueError, RecursionError, Invalid):
        return None
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        return None
    if body.get("kind") != document.resource.kind or body["metadata"].get("name") != document.resource.name:
        return None
    if is_secret(body) != is_secret(document.body):
        return None
    return Document(resource=document.resource, body=body)
