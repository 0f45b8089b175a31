"""A recording that can be changed: what tools printed, by question, with the edits that faults need."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

Manifest = dict[str, Any]
_STATE = re.compile(r"(\n +State: +)Running\n +Started: +[^\n]+")
_EVENTS = re.compile(r"\nEvents:.*", re.DOTALL)


class Tape:
    """Printed answers by question, `Tool:{arguments as JSON}`."""

    def __init__(self, answers: Mapping[str, Any], namespace: str) -> None:
        self.answers = copy.deepcopy(dict(answers))
        self.namespace = namespace

    def quiet(self) -> Tape:
        """Take away what systems complained of, and let every connection succeed: what is left shows objects only."""
        for key, value in self.answers.items():
            if key.startswith("GetErrorLogs"):
                self.answers[key] = ""
            elif key.startswith("GetAlerts"):
                self.answers[key] = {}
            elif key.startswith("CheckServiceConnectivity") and isinstance(value, str):
                self.answers[key] = value.replace("Connection Failed", "Connection Succeeded")
        return self

    def names(self, tool: str, field: str, **given: str) -> list[str]:
        """Values of one argument in the questions to a tool."""
        found = []
        for key in self.answers:
            name, _, rest = key.partition(":")
            arguments = json.loads(rest) if name == tool and rest else {}
            if name == tool and field in arguments and all(arguments.get(k) == v for k, v in given.items()):
                found.append(str(arguments[field]))
        return list(dict.fromkeys(found))

    def apps(self) -> list[str]:
        """Applications that have pods of their own and a manifest."""
        return [a for a in self.names("GetAppYAML", "app_name") if self.pods(a)]

    def pods(self, app: str) -> list[str]:
        pods = self.names("DescribeResource", "name", resource_type="pods")
        return [
            p for p in pods if re.fullmatch(re.escape(app) + r"-[a-z0-9]+-[a-z0-9]{5}|" + re.escape(app) + r"-\d", p)
        ]

    # Objects as they were applied.

    def manifests(self, app: str) -> list[Manifest]:
        return [d for d in yaml.safe_load_all(self.answers[_key("GetAppYAML", app_name=app)]) if d]

    def apply(self, app: str, change: Callable[[Manifest], None], *, kind: str = "Deployment") -> None:
        """Change the manifests of an application of one kind; what was printed of the live object goes away."""
        documents = self.manifests(app)
        for document in documents:
            if document["kind"] == kind or (kind == "Deployment" and document["kind"] == "StatefulSet"):
                change(document)
                self.forget_yaml(document["kind"].lower() + "s", document["metadata"]["name"])
        self.answers[_key("GetAppYAML", app_name=app)] = yaml.safe_dump_all(documents, sort_keys=False)

    def add_manifest(self, app: str, *documents: Manifest) -> None:
        text = yaml.safe_dump_all([*self.manifests(app), *documents], sort_keys=False)
        self.answers[_key("GetAppYAML", app_name=app)] = text

    def spec(self, app: str, change: Callable[[Manifest], None]) -> None:
        """Change the pod spec of an application."""
        self.apply(app, lambda d: change(d["spec"]["template"]["spec"]))

    def container(self, app: str, change: Callable[[Manifest], None]) -> None:
        self.spec(app, lambda spec: change(spec["containers"][0]))

    def forget_yaml(self, plural: str, name: str) -> None:
        for key, value in list(self.answers.items()):
            is_object = key.startswith("GetResources") and f'"{plural}","name":"{name}"' in key
            if is_object and isinstance(value, str) and value.startswith("apiVersion"):
                del self.answers[key]

    # Objects as they were described.

    def describe(self, plural: str, name: str, change: Callable[[str], str]) -> None:
        key = self._described(plural, name)
        self.answers[key] = change(self.answers[key])

    def put(self, plural: str, name: str, text: str) -> None:
        self.answers[self._described(plural, name)] = text

    def drop(self, plural: str, name: str) -> None:
        self.answers.pop(self._described(plural, name), None)
        self.forget_yaml(plural, name)
        for key, value in self.answers.items():
            if key.startswith("GetResources") and f'"{plural}","name":""' in key:
                self.answers[key] = re.sub(rf"(?m)^{re.escape(name)} .*\n?", "", str(value))

    def _described(self, plural: str, name: str) -> str:
        """The question that an object was described for; kinds without namespace name one, none or an empty one."""
        start = _key("DescribeResource", resource_type=plural, name=name)[:-1]
        return next((k for k in self.answers if k.startswith(start)), f'{start},"namespace":"{self.namespace}"}}')

    def events(self, plural: str, name: str, rows: Iterable[tuple[str, str]]) -> None:
        """Give an object events, all warnings: (reason, message)."""
        block = "".join(f"\n  Warning  {reason}  20s (x4 over 90s)  kubelet  {message}" for reason, message in rows)
        head = "\nEvents:\n  Type  Reason  Age  From  Message\n  ----  ------  ----  ----  -------"
        self.describe(plural, name, lambda text: _EVENTS.sub("", text) + head + block + "\n")

    # What happens to pods.

    def pending(self, app: str, message: str) -> None:
        """No node takes the pods of an application."""
        for pod in self.pods(app):
            self.describe("pods", pod, _unscheduled)
            self.events("pods", pod, [("FailedScheduling", message)] if message else [])

    def waiting(
        self,
        app: str,
        reason: str,
        rows: Iterable[tuple[str, str]] = (),
        *,
        last: str = "",
        code: int = 1,
        restarts: int = 0,
    ) -> None:
        """The containers of an application do not run."""
        ended = f"\n    Last State: Terminated\n      Reason: {last}\n      Exit Code: {code}" if last else ""
        for pod in self.pods(app):
            self.describe(
                "pods", pod, lambda text: _STATE.sub(rf"\1Waiting\n      Reason: {reason}{ended}", text, count=1)
            )
            self.unready(app, restarts=restarts)
            self.events("pods", pod, rows)

    def unready(self, app: str, rows: Iterable[tuple[str, str]] | None = None, *, restarts: int = 0) -> None:
        """The containers of an application run and are not ready."""
        for pod in self.pods(app):
            self.describe("pods", pod, lambda text: _not_ready(text, restarts))
            if rows is not None:
                self.events("pods", pod, rows)

    def no_pods(self, app: str, message: str) -> None:
        """The API server refuses the pods of an application."""
        for pod in self.pods(app):
            self.drop("pods", pod)
        for name in self.names("DescribeResource", "name", resource_type="replicasets"):
            if re.fullmatch(re.escape(app) + r"-[a-z0-9]+", name):
                self.events("replicasets", name, [("FailedCreate", message)] if message else [])
        if app in self.names("DescribeResource", "name", resource_type="deployments"):
            pattern = r"Replicas: +\d+ desired[^\n]*"
            states = "Replicas:  1 desired | 0 updated | 0 total | 0 available | 1 unavailable"
            self.describe("deployments", app, lambda text: re.sub(pattern, states, text))

    def log(self, app: str, *lines: str) -> None:
        self.answers[_key("GetErrorLogs", namespace=self.namespace, service_name=app)] = {"app": list(lines)}

    def refuse(self, service: str) -> None:
        """Let no connection to a Service succeed."""
        for key, value in self.answers.items():
            if key.startswith("CheckServiceConnectivity") and f'"service_name":"{service}"' in key:
                self.answers[key] = str(value).replace("Connection Succeeded", "Connection Failed")

    def calls(self) -> dict[str, str]:
        """Printed trees of calls by service."""
        return {a: str(self.answers[_key("GetServiceDependencies", service_name=a)]) for a in self.apps()}


def _key(tool: str, **arguments: str) -> str:
    return tool + ":" + json.dumps(arguments, separators=(",", ":"))


def _unscheduled(text: str) -> str:
    text = re.sub(r"\nNode: +[^\n]+", "\nNode:             <none>", text)
    text = re.sub(r"\nStatus: +[^\n]+", "\nStatus:           Pending", text, count=1)
    text = re.sub(r"\n +State: +Running\n +Started: +[^\n]+", "", text)
    return re.sub(r"(\n +(?:Ready|ContainersReady|PodScheduled) +)True", r"\1False", text)


def _not_ready(text: str, restarts: int) -> str:
    text = re.sub(r"(\n +Ready: +)True(\n +Restart Count: +)\d+", rf"\g<1>False\g<2>{restarts}", text, count=1)
    return re.sub(r"(\n +(?:Ready|ContainersReady) +)True", r"\1False", text)
