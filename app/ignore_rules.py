"""Ignore rules from a file, and a drift report with what rules set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from app.settings import IgnoreSettings
from app.stateless import finding_json, report_json
from graph.document import Object
from graph.drift import DriftReport
from graph.errors import Invalid, NotFound
from graph.ignoring import IgnoreRule, sift


def read_rules(path: Path) -> tuple[IgnoreRule, ...]:
    """Read a YAML list of rules.

    Raises:
        NotFound: there is no such file.
        Invalid: it is no list of rules; says which rule and what is wrong with it.
    """
    try:
        given = TypeAdapter(tuple[IgnoreSettings, ...]).validate_python(yaml.safe_load(path.read_bytes()) or ())
    except FileNotFoundError as error:
        raise NotFound(f"no ignore rules at {str(path)!r}: check the path") from error
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(f"can't be read as YAML: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "the file"
        raise Invalid(f"{place}: {first['msg']}", where=str(path)) from error
    return tuple(one.rule() for one in given)


def sifted_json(report: DriftReport, rules: Sequence[IgnoreRule], today: date) -> Object:
    """The form of `drift --json` and of the API: what rules set aside is listed apart, with the rule that did it.

    Args:
        report: what was found.
        rules: those of the environment.
        today: the day in UTC; a rule that ended before sets nothing aside any more, and is named.
    """
    found = sift(report, rules, today=today)
    return {
        **report_json(found.report),
        "ignored": [{"rule": i.rule, "finding": finding_json(i.finding)} for i in found.ignored],
        "expired_rules": list(found.expired),
        "unused_rules": list(found.unused),
    }
