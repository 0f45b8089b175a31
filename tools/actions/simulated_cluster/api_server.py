"""The write side of a Kubernetes API: versions, defaults, field ownership, audit records. No controllers."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta

from graph.document import Json, Object
from graph.errors import Conflict, NotFound
from tools.actions.simulated_cluster.defaults import with_defaults
from tools.actions.simulated_cluster.identity import Caller
from tools.actions.simulated_cluster.managed_fields import record
from tools.actions.simulated_cluster.store import EstateStore, copied, micro_stamp, stamp
from tools.adapters.estate_files import Key

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_AUDIT = "audit/kubernetes.jsonl"
_NAMESPACE_OF_IDS = uuid.UUID("6f1c1b44-93c5-5b0a-9a3e-0d6c0f8a7b21")
_PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}


class ApiServer:
    """Writes objects into a store as an API server would."""

    def __init__(self, store: EstateStore) -> None:
        self.store = store

    def apply(self, manifest: Object, *, by: Caller, at: datetime, audited: bool = True) -> Key:
        """Do what `kubectl apply` does: create the object, or merge the changes since it was applied last.

        Returns:
            The key of the object.
        """
        key = key_of(manifest)
        declared = copied(manifest)
        text = json.dumps(declared, separators=(",", ":"), sort_keys=True) + "\n"
        found = self.store.objects.get(key)
        if found is None:
            body = copied(declared)
            body["metadata"].setdefault("annotations", {})[LAST_APPLIED] = text
            self.create(key, body, by=by, at=at, audited=audited)
            return key
        last = json.loads(found["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}"))
        body = _merged(copied(found), last, declared)
        body["metadata"].setdefault("annotations", {})[LAST_APPLIED] = text
        self.update(key, body, by=by, at=at, audited=audited)
        return key

    def create(self, key: Key, body: Object, *, by: Caller, at: datetime, audited: bool = True) -> Object:
        """Create an object.

        Raises:
            Conflict: it exists.
        """
        if key in self.store.objects:
            raise Conflict(f"{key.kind} {key.namespace}/{key.name} already exists")
        sent, body = copied(body), with_defaults(copied(body))
        meta = body["metadata"]
        meta["uid"] = self.uid(key)
        meta["creationTimestamp"] = stamp(at)
        if "spec" in body and key.kind not in ("Namespace",):
            meta["generation"] = 1
        self._write(key, None, body, by=by, at=at)
        if audited:
            self._audit("create", key, sent, body, by=by, at=at, code=201)
        return body

    def update(self, key: Key, body: Object, *, by: Caller, at: datetime, audited: bool = True) -> None:
        """Replace an object with a changed copy of itself; recorded as the patch that a client would have sent.

        Raises:
            NotFound: it does not exist.
        """
        before = self.store.objects.get(key)
        if before is None:
            raise NotFound(f"{key.kind} {key.namespace}/{key.name} does not exist")
        body = with_defaults(copied(body))
        if body == before:
            return
        if body.get("spec") != before.get("spec") and "generation" in before["metadata"]:
            body["metadata"]["generation"] = before["metadata"]["generation"] + 1
        self._write(key, before, body, by=by, at=at)
        if audited:
            self._audit("patch", key, strategic_patch(before, body), body, by=by, at=at, code=200)

    def delete(self, key: Key, *, by: Caller, at: datetime, audited: bool = True) -> None:
        """Delete an object.

        Raises:
            NotFound: it does not exist.
        """
        body = self.store.objects.get(key)
        if body is None:
            raise NotFound(f"{key.kind} {key.namespace}/{key.name} does not exist")
        self.store.next_revision()
        self.store.remove(key)
        if audited:
            options = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "propagationPolicy": "Background"}
            details = {
                "name": key.name,
                "group": _group(body),
                "kind": plural(key.kind),
                "uid": body["metadata"]["uid"],
            }
            status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
            self._audit("delete", key, options, status, by=by, at=at, code=200, live=body)

    def uid(self, key: Key) -> str:
        """Return a uid for an object that is about to be created; unique within the history of the estate."""
        return str(uuid.uuid5(_NAMESPACE_OF_IDS, f"{key} {self.store.next_revision()}"))

    def _write(self, key: Key, before: Object | None, body: Object, *, by: Caller, at: datetime) -> None:
        meta = body["metadata"]
        meta["resourceVersion"] = self.store.next_revision()
        meta["managedFields"] = record(
            (before or {}).get("metadata", {}).get("managedFields", []),
            before,
            body,
            manager=by.manager,
            operation="Update",
            time=stamp(at),
        )
        self.store.put(key, body)

    def _audit(
        self,
        verb: str,
        key: Key,
        request: Object,
        response: Object,
        *,
        by: Caller,
        at: datetime,
        code: int,
        live: Object | None = None,
    ) -> None:
        body = live or response
        secret = key.kind == "Secret"
        reference: Object = {
            "resource": plural(key.kind),
            "namespace": key.namespace,
            "name": key.name,
            "uid": body["metadata"]["uid"],
            "apiGroup": _group(body),
            "apiVersion": body["apiVersion"].rpartition("/")[2],
        }
        event: Object = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            # Contents of Secrets stay out of audit logs: the usual policy records their metadata only.
            "level": "Metadata" if secret else "RequestResponse",
            "auditID": str(uuid.uuid5(_NAMESPACE_OF_IDS, f"audit {verb} {key} {self.store.runtime['revision']}")),
            "stage": "ResponseComplete",
            "requestURI": _uri(key, body, verb, by),
            "verb": verb,
            "user": {"username": by.username, "groups": list(by.groups)},
            "sourceIPs": [by.address],
            "userAgent": by.user_agent,
            "objectRef": {name: value for name, value in reference.items() if value},
            "responseStatus": {"metadata": {}, "code": code} | ({"status": "Success"} if verb == "delete" else {}),
        }
        if not secret:
            event |= {"requestObject": request, "responseObject": copied(response)}
        event |= {
            "requestReceivedTimestamp": micro_stamp(at),
            "stageTimestamp": micro_stamp(at + timedelta(milliseconds=11)),
            "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        }
        self.store.append(_AUDIT, event)


def key_of(body: Object) -> Key:
    """Return where an object stands."""
    meta = body["metadata"]
    return Key(meta.get("namespace", ""), body["kind"], meta["name"])


def plural(kind: str) -> str:
    """Return the name of a kind in a request path, e.g. `networkpolicies`."""
    return _PLURALS.get(kind, kind.lower() + "s")


def strategic_patch(before: Json, after: Json) -> Object:
    """Return the strategic merge patch that leads from one object to the other, as `kubectl edit` sends it."""
    patch: Object = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new or name in ("managedFields", "resourceVersion", "generation"):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            inner = strategic_patch(old, new)
            if inner:
                patch[name] = inner
        elif _named(old) and _named(new):
            known = {item["name"]: item for item in old}
            changed = [
                {"name": item["name"], **strategic_patch(known.get(item["name"], {}), item)}
                for item in new
                if known.get(item["name"]) != item
            ]
            kept = {item["name"] for item in new}
            gone = [{"$patch": "delete", "name": label} for label in known if label not in kept]
            patch[f"$setElementOrder/{name}"] = [{"name": item["name"]} for item in new]
            patch[name] = changed + gone
        else:
            patch[name] = new
    return patch


def _named(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "name" in item for item in value)


def _merged(live: Json, last: Json, declared: Json) -> Json:
    """Three-way merge: take what is declared, drop what was declared before and no longer is, keep the rest."""
    if isinstance(live, dict) and isinstance(declared, dict):
        last = last if isinstance(last, dict) else {}
        out = {name: value for name, value in live.items() if name in declared or name not in last}
        for name, value in declared.items():
            out[name] = _merged(live[name], last.get(name), value) if name in live else copied(value)
        return out
    if _named(live) and _named(declared):
        before = {item["name"]: item for item in last} if _named(last) else {}
        found = {item["name"]: item for item in live}
        wanted = [item["name"] for item in declared]
        merged = [
            _merged(found[item["name"]], before.get(item["name"]), item) if item["name"] in found else copied(item)
            for item in declared
        ]
        return merged + [item for item in live if item["name"] not in before and item["name"] not in wanted]
    return copied(declared)


def _group(body: Object) -> str:
    group, slash, _ = str(body["apiVersion"]).partition("/")
    return group if slash else ""


def _uri(key: Key, body: Object, verb: str, by: Caller) -> str:
    root = f"/apis/{body['apiVersion']}" if "/" in body["apiVersion"] else f"/api/{body['apiVersion']}"
    place = f"/namespaces/{key.namespace}" if key.namespace else ""
    name = "" if verb == "create" else f"/{key.name}"
    query = "" if verb == "delete" else f"?fieldManager={by.manager}"
    return f"{root}{place}/{plural(key.kind)}{name}{query}"
