"""YAML as `kubectl` reads it, with line numbers, whatever is thrown at it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.adapters.kustomize import kubectl
from tools.adapters.yaml_documents import BrokenYaml, YamlDocument, read_yaml
from tools.adapters.yaml_scalars import resolve

SCALARS = (
    "y",
    "N",
    "yes",
    "On",
    "off",
    "true",
    "FALSE",
    "True",
    "012",
    "0o14",
    "08",
    "0x1F",
    "0b101",
    "-0b11",
    "+5",
    "1_000",
    "1:30",
    "12:30:45",
    "1e3",
    ".5",
    "1.",
    "1.0",
    "-0",
    "2020-01-01",
    "2020-01-01T00:00:00Z",
    "~",
    "null",
    "Null",
    "",
    "12345678901234567890123",
    "1.2.3",
    "0x",
    "+",
    "nan",
    "plain text",
    "=",
    "0777",
    "1e400x",
)


def test_reads_scalars_as_kubectl_does(tmp_path: Path) -> None:
    """Each plain scalar has the value that the real program prints for it."""
    manifest = tmp_path / "widget.yaml"
    lines = [f"  k{i}: {scalar}" for i, scalar in enumerate(SCALARS)]
    manifest.write_text("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec:\n" + "\n".join(lines))
    command = [str(kubectl()), "annotate", "--local", "-f", str(manifest), "a=b", "-o", "json"]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["spec"]
    (document,) = read_yaml(manifest.read_text())
    assert isinstance(document, YamlDocument)
    ours = {scalar: document.value["spec"][f"k{i}"] for i, scalar in enumerate(SCALARS)}
    assert ours == {scalar: printed[f"k{i}"] for i, scalar in enumerate(SCALARS)}
    assert [type(v) is bool for v in ours.values()] == [type(printed[f"k{i}"]) is bool for i in range(len(SCALARS))]


def test_gives_the_line_of_each_document_and_item() -> None:
    """Lines count from the start of the file and point at content, not at separators or comments."""
    text = "# head\n---\n# about a\na: 1\n---\n\n---\nkind: List\nitems:\n- b: 1\n- c:\n  - d: 1\n...\n--- {e: 1}\n"
    documents = [d for d in read_yaml(text) if isinstance(d, YamlDocument)]
    assert [(d.value, d.line, d.item_lines) for d in documents] == [
        ({"a": 1}, 4, ()),
        ({"kind": "List", "items": [{"b": 1}, {"c": [{"d": 1}]}]}, 8, (10, 11)),
        ({"e": 1}, 14, ()),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key 'a' stands twice"),
        ("a:\n\t- b\n", 2, "cannot start any token"),
        ("[" * 3000, 1, "nested deeper than"),
        ("a: &a [*a]\n", 1, "contains itself"),
        ("a: *nobody\n", 1, "has no anchor"),
        ("a:\n  b: .inf\n", 2, "no JSON form"),
        ("a: {{ .Values.x }}\n", 1, "no scalar"),
        ("<<: 5\n", 1, "no mapping"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{n}: &{n} [{','.join(['*' + p] * 10)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
            5,
            "aliases stand for more than",
        ),
    ],
    ids=["duplicate key", "tab", "deep", "self alias", "no anchor", "infinity", "template", "merge", "bomb"],
)
def test_refuses_what_has_no_sure_meaning(text: str, line: int, words: str) -> None:
    """Hostile or ambiguous text is refused with the line on which it fails; its neighbours are read."""
    before, broken, after = read_yaml(f"x: 1\n---\n{text.rstrip()}\n---\nz: 2\n")
    assert isinstance(broken, BrokenYaml)
    assert words in broken.reason
    assert broken.line == line + 2
    assert isinstance(before, YamlDocument)
    assert isinstance(after, YamlDocument)


def test_merges_and_aliases() -> None:
    """Merge keys and aliases mean what they mean to `kubectl`: own keys win."""
    (document,) = read_yaml("base: &b {x: 1, z: 2}\nuse: {<<: *b, z: 3}\nboth: [*b, *b]\n")
    assert isinstance(document, YamlDocument)
    assert document.value["use"] == {"x": 1, "z": 3}
    assert document.value["both"] == [{"x": 1, "z": 2}] * 2


@given(st.text(max_size=60))
def test_survives_any_text(text: str) -> None:
    """No text raises; each part is a document or is named as broken."""
    for part in read_yaml(text):
        assert isinstance(part, YamlDocument | BrokenYaml)


@given(st.text(alphabet="0123456789+-._xobeEynaNTf~:", max_size=12))
def test_any_scalar_has_a_value_or_is_refused(text: str) -> None:
    """Resolving a scalar gives a JSON value or says that there is none."""
    try:
        value = resolve(text)
    except ValueError:
        return
    json.dumps(value, allow_nan=False)
