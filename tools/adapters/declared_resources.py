"""One version of one file to the resources it declares, for comparing versions. Renders and evaluates nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from graph.document import Object
from graph.errors import Invalid
from graph.resource import Platform, Resource, terraform_uid
from graph.version import Document, Origin
from tools.adapters.compose_files import is_compose_file, read_alone
from tools.adapters.documents import Broken, decode, read_documents
from tools.adapters.kubernetes_objects import KubernetesReader, is_manifest


class DeclaredResources:
    """Reads manifests, Compose files, and Terraform source with its expressions as text."""

    def __init__(self, reader: KubernetesReader, *, stack: str, folder_name: str) -> None:
        """Describe how to read.

        Args:
            reader: how Kubernetes objects are read; Terraform's values are hashed under its salt.
            stack: name of the stack in the uids of Terraform resources.
            folder_name: what the folder of the repository is called, for a Compose project there.
        """
        self._kubernetes = reader
        self._stack = stack
        self._salt = reader.salt
        self._folder_name = folder_name

    def stack_names(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Map folder to name of its stack, as the files of the newest commit lie: one stack needs no suffix."""
        folders = {posixpath.dirname(path) for path in paths if path.endswith(".tf")}
        if len(folders) <= 1:
            return dict.fromkeys(folders, self._stack)
        return {f: f"{self._stack}:{f.replace('/', ':')}" if f else self._stack for f in folders}

    def read(self, data: bytes, origin: Origin, stacks: Mapping[str, str]) -> Iterator[Document]:
        """Yield the resources that a file declares.

        Raises:
            Invalid: a part of the file can't be read, so what it declared is not known.
        """
        if origin.file.endswith(".tf"):
            folder = posixpath.dirname(origin.file)
            name = stacks.get(folder) or (f"{self._stack}:{folder.replace('/', ':')}" if stacks else self._stack)
            yield from self._terraform(decode(data), origin, name)
            return
        if is_compose_file(origin.file):
            yield from read_alone(data, origin.file, folder_name=self._folder_name, salt=self._salt)
            return
        for part in read_documents(data, name=origin.file):
            if isinstance(part, Broken):
                raise Invalid(part.reason, where=origin.file, line=part.line)
            if is_manifest(part.value):
                for found in self._kubernetes.read(part, origin):
                    if isinstance(found, Document):
                        yield found

    def _terraform(self, text: str, origin: Origin, stack: str) -> Iterator[Document]:
        # Imported here because the HCL parser takes a tenth of a second to load, and most histories hold no Terraform.
        from graph.kinds.terraform.sensitive import masked
        from tools.adapters.hcl import read_resources

        for block in read_resources(text):
            address = f"{block.type}.{block.name}"
            body: Object = {"type": block.type, "name": block.name, "address": address, "provider": ""}
            body["values"] = masked(block.values, (), self._salt)
            if block.expressions:
                body["expressions"] = block.expressions
            resource = Resource(
                uid=terraform_uid(stack=stack, address=address),
                platform=Platform.TERRAFORM,
                kind=block.type,
                name=block.name,
            )
            yield Document(resource=resource, body=body, origin=replace(origin, line=block.line))
