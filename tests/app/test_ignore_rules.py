"""Ignore rules of people: set aside, listed and counted, and over on their last day."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.ignore_rules import read_rules, sifted_json
from graph.errors import Invalid, NotFound
from tests.graph.kinds.kubernetes.build import objects, put_in, report

RULE = """
- id: canary
  owner: ann@example.com
  reason: rollout by hand
  expires: {expires}
  resource: shop/Deployment/*
  path: /spec/replicas
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "ignore.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("today", "findings", "ignored", "expired"),
    [(date(2027, 1, 31), 0, 1, 0), (date(2027, 2, 1), 1, 0, 1)],
    ids=["last day", "day after"],
)
def test_a_rule_counts_until_its_last_day(
    tmp_path: Path, today: date, findings: int, ignored: int, expired: int
) -> None:
    """What it sets aside is listed with its id; afterwards the finding is back and the rule is named as expired."""
    rules = read_rules(written(tmp_path, RULE.format(expires="2027-01-31")))
    web = objects()[0]
    answer = sifted_json(report([web], [put_in(web, "/spec/replicas", 9)]), rules, today)
    assert [len(answer[k]) for k in ("findings", "ignored", "expired_rules")] == [findings, ignored, expired]
    assert [i["rule"] for i in answer["ignored"]] == ["canary"] * ignored


def test_the_command_counts_what_it_ignores(tmp_path: Path) -> None:
    """Files are compared with the rules of a file; only what is left decides the exit code."""
    web = objects()[0]
    for name, body in (("declared", web), ("live", put_in(web, "/spec/replicas", 9))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.json").write_text(json.dumps(body))
    paths = ["drift", "--intended", str(tmp_path / "declared"), "--actual", str(tmp_path / "live")]
    rules = ["--ignore", str(written(tmp_path, RULE.format(expires="2999-12-31")))]
    assert CliRunner().invoke(app, paths).exit_code == 1
    told = CliRunner().invoke(app, [*paths, *rules])
    assert (told.exit_code, "1 ignored by rules" in told.output) == (0, True)
    answer = json.loads(CliRunner().invoke(app, [*paths, *rules, "--json"]).output)
    assert answer["ignored"][0]["finding"]["path"] == "/spec/replicas"


@pytest.mark.parametrize(
    "text",
    [
        "- {id: x}",
        "{a: 1}",
        "- [",
        RULE.format(expires="never"),
        RULE.format(expires="2027-01-01").replace("path", "manager"),
    ],
    ids=["fields missing", "no list", "no YAML", "no day", "hides whole objects"],
)
def test_refuses_rules_that_nobody_answers_for(tmp_path: Path, text: str) -> None:
    """The message names the file."""
    with pytest.raises(Invalid, match=r"ignore\.yaml"):
        read_rules(written(tmp_path, text))


def test_says_when_there_is_no_such_file(tmp_path: Path) -> None:
    """An absent file is not an empty one."""
    with pytest.raises(NotFound, match="check the path"):
        read_rules(tmp_path / "absent.yaml")
    assert read_rules(written(tmp_path, "")) == ()
