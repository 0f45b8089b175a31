"""The shape of `kubectl describe` output: labelled lines, indented below each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LABELLED = re.compile(r"^(?P<label>[^:]+?):(?:\s+(?P<value>.*))?$")
_BLANK = frozenset({"", "<none>", "<unset>", "<nil>"})


@dataclass(slots=True)
class Line:
    """One line and the lines that are indented below it."""

    text: str
    """Without indentation."""
    below: list[Line] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What stands before the first colon; the whole text where there is none."""
        found = _LABELLED.match(self.text) if ":" in self.text else None
        return found["label"].strip() if found else self.text

    @property
    def value(self) -> str:
        """What stands behind the colon; empty for `<none>` and its like."""
        found = _LABELLED.match(self.text)
        value = (found["value"] or "").strip() if found else ""
        return "" if value in _BLANK else value

    def get(self, label: str) -> Line | None:
        """The first line below with this label."""
        return next((line for line in self.below if line.text.startswith(label) and line.label == label), None)

    def text_of(self, label: str) -> str:
        """The value of the first line below with this label; empty when there is none."""
        found = self.get(label)
        return found.value if found else ""

    def values(self, label: str) -> list[str]:
        """A value that goes on over the lines indented below it, such as labels and tolerations."""
        found = self.get(label)
        if found is None:
            return []
        many = [found.value, *(line.text for line in found.below)]
        return [v for v in many if v not in _BLANK]

    def pairs(self, label: str, *, separator: str = "=") -> dict[str, str]:
        """Values of the form `key=value` below a label."""
        parted = (v.partition(separator) for v in self.values(label))
        return {key.strip(): value.strip() for key, sign, value in parted if sign}

    def rows(self, label: str) -> Iterator[list[str]]:
        """Cells of a table below a label, without its head; cells are parted by two or more blanks."""
        found = self.get(label)
        lines = [line.text for line in found.below] if found else []
        for text in lines:
            cells = re.split(r"\s{2,}", text.strip())
            if cells and not set("".join(cells)) <= {"-", " "}:
                yield cells


def outline(text: str) -> Line:
    """Read the lines of one object; the root has no text of its own.

    A line belongs to the nearest line above that is indented less. A list that goes on below its label
    (`Labels:  a=b`, then `c=d` further right) is indented more than the label, so it belongs to it.
    """
    root = Line("")
    open_lines: list[tuple[int, Line]] = [(-1, root)]
    for raw in text.splitlines():
        if not raw.strip():
            continue
        depth = len(raw) - len(raw.lstrip())
        while open_lines[-1][0] >= depth:
            open_lines.pop()
        line = Line(raw.strip())
        open_lines[-1][1].below.append(line)
        open_lines.append((depth, line))
    return root
