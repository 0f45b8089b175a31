"""How a help page lists commands: whole sentences, and those of `plumbline` itself by what one wants to know or do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

TOPICS = {
    "What happened, and what to do": ("incidents", "proposals", "approve", "reject", "outcome", "memories", "forget"),
    "The environment": ("why", "changes", "events", "drift", "state", "history", "blast", "coverage"),
    "The service": ("up", "executor", "user", "audit"),
    "Try it and measure it": ("demo", "eval"),
}
"""Maps a heading to its commands, in the order of the page."""

_WHOLE = 500
"""Characters; more than the first sentence of any command has."""


class ByTopic(TyperGroup):
    """A group of commands whose help page names what each does, uncut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under their headings."""
        for heading, names in (TOPICS if ctx.parent is None else {"Commands": self.commands}).items():
            with formatter.section(heading):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(_WHOLE)) for name in names])
