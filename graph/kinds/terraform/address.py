"""Addresses of Terraform resources. Grammar: https://developer.hashicorp.com/terraform/cli/state/resource-addressing."""

from __future__ import annotations

import re

from graph.document import Json

_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\]')


def without_keys(address: str) -> str:
    """Remove the instance keys of count and for_each, of modules too.

    >>> without_keys('module.shop["a.b"].aws_sqs_queue.orders[0]')
    'module.shop.aws_sqs_queue.orders'
    """
    return _KEY.sub("", address)


def with_key(address: str, key: Json) -> str:
    """Add an instance key as Terraform writes it; None adds nothing.

    >>> with_key("aws_sqs_queue.orders", "eu")
    'aws_sqs_queue.orders["eu"]'
    """
    if key is None:
        return address
    if isinstance(key, int) and not isinstance(key, bool):
        return f"{address}[{key}]"
    quoted = str(key).replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return f'{address}["{quoted}"]'


def module_of(address: str) -> str:
    """Return the module path of an address, without instance keys; empty for the root module.

    >>> module_of('module.shop["a.b"].module.queue.aws_sqs_queue.orders[0]')
    'module.shop.module.queue'
    """
    parts = without_keys(address).split(".")
    end = 0
    while len(parts) > end + 2 and parts[end] == "module":
        end += 2
    return ".".join(parts[:end])


def is_data(address: str) -> bool:
    """Whether an address is of a data resource, which Terraform reads and does not manage.

    >>> is_data("module.shop.data.aws_vpc.main"), is_data("aws_vpc.data")
    (True, False)
    """
    return without_keys(address).removeprefix(module_of(address)).removeprefix(".").startswith("data.")
