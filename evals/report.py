"""The report of an evaluation: figures with intervals, plots, baselines and published figures, as Markdown and HTML."""

from __future__ import annotations

import base64
import html
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evals import ablation
from evals.baselines import FOLDER
from evals.baselines.rules import RULES, predictions
from evals.failures import Failure, failure, worst
from evals.figures import Summary, quantile, reliability, share, summaries
from evals.published import PUBLISHED
from evals.scorers import Score, score
from evals.suite import Prediction
from evals.suites import SETS
from graph.errors import Invalid

_WORST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SetResult:
    """One set, scored."""

    name: str
    scores: tuple[Score, ...]
    errors: Mapping[str, str]
    """Case to error, of those that failed."""
    failures: tuple[Failure, ...] = ()
    """Wrong answers and failed cases, in words."""
    unknown: int = 0
    """Predictions of cases that have no answer to compare with."""
    parse_s: tuple[float, ...] = ()
    baselines: Mapping[str, tuple[Summary, ...]] = field(default_factory=dict)
    """Of simple rules, and of methods that were run on these cases, by name"""
    model: str = ""
    """Name of the language model that took part; empty for none."""


def evaluate(name: str, data: Path, found: Path) -> SetResult:
    """Score the predictions of one set.

    Args:
        name: of the set.
        data: folder with `cases/` and `truth.jsonl`.
        found: file of predictions.

    Raises:
        Invalid: there are no answers to compare with, or a case has no prediction: an incomplete run is no result.
    """
    truth = {line["case"]: line for line in _lines(data / "truth.jsonl")}
    if not truth:
        raise Invalid("there are no answers to compare with", where=str(data / "truth.jsonl"))
    given = {line["case"]: line for line in _lines(found)}
    lacking = sorted(truth.keys() - given.keys())
    if lacking:
        raise Invalid(
            f"{len(lacking)} of {len(truth)} cases have no prediction, the first is {lacking[0]}", where=str(found)
        )
    scores = tuple(score(name, truth[case], given[case]) for case in truth)
    return SetResult(
        name=name,
        scores=scores,
        errors={case: str(p["error"]) for case, p in given.items() if p.get("error")},
        failures=tuple(failure(name, truth[s.case], given[s.case], s) for s in scores if not s.is_right),
        unknown=len(given.keys() - truth.keys()),
        parse_s=tuple(float(p.get("parse_s") or 0.0) for p in given.values()),
        baselines={
            **{f"rule: {rule}": _baseline(name, rule, data, truth) for rule in RULES.get(name, ())},
            **{f"{p.stem}, run here": _method(name, p, truth) for p in _methods(found.parent / FOLDER / name)},
        },
    )


def write_report(
    results: Sequence[SetResult], absent: Mapping[str, str], out: Path, *, ablated: Mapping[str, Any] | None = None
) -> tuple[Path, Path]:
    """Write `report.md` and `report.html` into a folder, with the plots; return their paths.

    Args:
        results: of the sets that were scored.
        absent: set to the reason why it is not among them.
        out: the folder.
        ablated: what `plumbline eval ablation` wrote; None where it was not run.
    """
    out.mkdir(parents=True, exist_ok=True)
    plots = _plots(results, ablated, out)
    markdown = "\n".join(_markdown(results, absent, ablated, plots)) + "\n"
    paths = out / "report.md", out / "report.html"
    paths[0].write_text(markdown, encoding="utf-8")
    paths[1].write_text(_html(markdown, out), encoding="utf-8")
    (out / "report.json").write_text(json.dumps(_data(results, absent), indent=1, sort_keys=True), encoding="utf-8")
    return paths


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise Invalid("the file is missing", where=str(path))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                found = json.loads(line)
            except ValueError as error:
                raise Invalid(f"not JSON: {error}", where=str(path), line=number) from error
            if not isinstance(found, dict) or "case" not in found:
                raise Invalid("an object with the field 'case' was expected", where=str(path), line=number)
            yield found


def _baseline(name: str, rule: str, data: Path, truth: Mapping[str, Any]) -> tuple[Summary, ...]:
    given: dict[str, Prediction] = {p["case"]: p for p in predictions(name, rule, data)}
    return tuple(summaries([score(name, truth[case], given.get(case, {})) for case in truth]))


def _methods(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _method(name: str, path: Path, truth: Mapping[str, Any]) -> tuple[Summary, ...]:
    given = {line["case"]: line for line in _lines(path)}
    return tuple(summaries([score(name, truth[case], given.get(case, {})) for case in truth]))


def _markdown(
    results: Sequence[SetResult],
    absent: Mapping[str, str],
    ablated: Mapping[str, Any] | None,
    plots: Mapping[str, str],
) -> Iterator[str]:
    yield "# Evaluation\n"
    yield "Answers of the product's own path, without a language model unless a set says so. Intervals are 95 %."
    yield "Published figures are of whole sets, ours of the cases at hand: compare with care, and look at n."
    yield "Cases that were read while rules were written flatter the rules; cases that nobody here has seen do not.\n"
    for name, reason in absent.items():
        yield f"- **{name}**: {reason}.\n"
    yield from _overview(results)
    if "overview" in plots:
        yield f"\n![Headline figures with intervals]({plots['overview']})\n"
    if "reliability" in plots:
        yield "## Can the confidence be trusted?\n"
        yield f"![Share of right answers by stated confidence]({plots['reliability']})\n"
    yield from _trust(results)
    yield from _ablation(ablated, plots)
    yield from _worst(results)
    for result in results:
        yield from _one(result)


def _overview(results: Sequence[SetResult]) -> Iterator[str]:
    yield "| Set | Cases | Figure | Ours | Confidently wrong | No answer | Median s | p95 s |"
    yield "|---|---|---|---|---|---|---|---|"
    for result in results:
        first = summaries(result.scores)[0]
        seconds = [s.seconds for s in result.scores]
        wrong = sum(s.is_confidently_wrong for s in result.scores)
        silent = [s.is_right for s in result.scores if not s.is_answered]
        unanswered = f"{len(silent)} ({sum(silent)} rightly)" if any(silent) else f"{len(silent)}"
        yield (
            f"| {result.name} | {len(result.scores)} | {first.name} | {_number(first)} | {wrong} | {unanswered} "
            f"| {quantile(seconds, 0.5):.3f} | {quantile(seconds, 0.95):.3f} |"
        )
    yield ""


def _ablation(ablated: Mapping[str, Any] | None, plots: Mapping[str, str]) -> Iterator[str]:
    yield "## What declared state, change history and relations are worth\n"
    if ablated is None:
        yield f"Not measured: `plumbline eval ablation --out DIR` writes {ablation.FILE} beside the predictions.\n"
        return
    yield "The same cases with one part taken away. Changes are over the cases that have that part, with intervals of"
    yield "95 %, and p is McNemar's exact test. Rules were written with every part at hand: what a part is worth to"
    yield "rules that were written without it is not measured. Transplants have the manifests from before the fault as"
    yield "declared state.\n"
    if "ablation" in plots:
        yield f"![Share right with each part taken away]({plots['ablation']})\n"
    yield ablation.table(ablated)
    yield ""


def _worst(results: Sequence[SetResult]) -> Iterator[str]:
    """The failures that one should read first."""
    every = [f for r in results for f in r.failures]
    if not every:
        yield "No answer was wrong.\n"
        return
    yield f"## The {min(_WORST, len(every))} worst failures of {len(every)}\n"
    yield "Sure and wrong first, then unsure and wrong, then silent.\n"
    yield "| Set | Case | Said | Confidence | Right | Why |\n|---|---|---|---|---|---|"
    for one in worst(every, _WORST):
        sure = "none" if one.score.confidence is None else f"{one.score.confidence:.2f}"
        cells = (one.set_name, f"`{one.score.case}`", one.said or "no answer", sure, one.right, one.why)
        yield f"| {' | '.join(_cell(c) for c in cells)} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")


def _trust(results: Sequence[SetResult]) -> Iterator[str]:
    everything = [s for r in results for s in r.scores]
    wrong = share([s.is_confidently_wrong for s in everything])
    yield f"Wrong with a confidence of 0.8 or more: {_number(wrong)} of {wrong.n} cases.\n"
    yield "| Confidence | Right | n |\n|---|---|---|"
    for one in reliability(everything):
        yield f"| {one.confidence:.2f} | {one.right:.2f} | {one.n} |"
    yield ""


def _one(result: SetResult) -> Iterator[str]:
    yield f"## {result.name}\n"
    parsing, answering = quantile(result.parse_s, 0.5), quantile([s.seconds for s in result.scores], 0.5)
    yield f"The question: {SETS.get(result.name, '')}. {_about(result)}"
    # One line a paragraph: the page makes a paragraph of each.
    yield f"Median seconds: {parsing:.3f} to parse a case, {answering:.3f} to answer it.\n"
    yield "| Who | Figure | Value | n | Model |\n|---|---|---|---|---|"
    for one in summaries(result.scores):
        yield f"| **Plumbline** | {one.name} | {_number(one)} | {one.n} | {'yes' if result.model else 'no'} |"
    for who, figures in result.baselines.items():
        for one in figures:
            yield f"| {who} | {one.name} | {_number(one)} | {one.n} | no |"
    if not PUBLISHED.get(result.name):
        yield "| nobody (nothing published was found) | | | | |"
    for known in PUBLISHED.get(result.name, ()):
        yield f"| {known.who} | {known.figure} | {known.value:.3f} | {known.n} | {'yes' if known.model else 'no'} |"
    yield ""
    yield from _groups(result)
    yield from _failures(result)


def _about(result: SetResult) -> str:
    unknown = (
        f" {result.unknown} predictions are of cases without an answer, and not counted." if result.unknown else ""
    )
    model = f"model {result.model}, its cost is in the run's log" if result.model else "no model, no cost"
    return f"{len(result.scores)} cases, {model}.{unknown}\n"


def _groups(result: SetResult) -> Iterator[str]:
    by_group: dict[str, list[Score]] = defaultdict(list)
    for one in result.scores:
        by_group[one.group].append(one)
    if len(by_group) > 1:
        yield "| Group | Right | n |\n|---|---|---|"
        for group, scores in sorted(by_group.items()):
            found = share([s.is_right for s in scores])
            yield f"| {group} | {_number(found)} | {found.n} |"
        yield ""


def _failures(result: SetResult) -> Iterator[str]:
    if result.failures:
        yield f"Wrong answers, the most confident first ({len(result.failures)} in all):\n"
        for one in worst(result.failures, _WORST):
            sure = "none" if one.score.confidence is None else f"{one.score.confidence:.2f}"
            said = f"said {one.said or 'nothing'}, right is {one.right}"
            yield f"- `{one.score.case}` ({one.score.group}, confidence {sure}): {_cell(said)}; {_cell(one.why)}"
        yield ""


def _number(one: Summary) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _plots(results: Sequence[SetResult], ablated: Mapping[str, Any] | None, out: Path) -> dict[str, str]:
    """Draw the plots; without the plotting library the tables stand alone, and the report says so by lacking them."""
    try:
        from evals import plots
    except ImportError:
        return {}
    return plots.draw(results, out) | (plots.draw_ablation(ablated, out) if ablated else {})


def _data(results: Sequence[SetResult], absent: Mapping[str, str]) -> dict[str, Any]:
    return {
        "absent": dict(absent),
        "sets": {
            r.name: {
                "n": len(r.scores),
                "model": r.model or None,
                "figures": {
                    s.name: {"value": s.value, "n": s.n, "interval": [s.low, s.high]} for s in summaries(r.scores)
                },
                "confidently_wrong": sum(s.is_confidently_wrong for s in r.scores),
                "abstained": sum(not s.is_answered for s in r.scores),
                "failed": dict(r.errors),
                "median_s": quantile([s.seconds for s in r.scores], 0.5),
                "p95_s": quantile([s.seconds for s in r.scores], 0.95),
            }
            for r in results
        },
    }


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#1d2733}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #c6d0da;padding:.3rem .6rem;text-align:left}"
    "th{background:#eef2f6}td{overflow-wrap:anywhere}td:first-child,td code{white-space:nowrap}"
    "img{max-width:100%}code{background:#eef2f6;padding:0 .2rem}"
)


def _html(markdown: str, folder: Path) -> str:
    """Turn the report's own Markdown, which uses headings, tables, lists and images only, into one HTML file."""
    parts: list[str] = []
    lines = [line for block in markdown.split("\n") for line in block.split("\n")]
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.startswith("|"):
            end = index
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            parts.append(_table(lines[index:end]))
            index = end
            continue
        parts.append(_block(line, folder))
        index += 1
    title = "<title>Plumbline evaluation</title>"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{title}<style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'


def _block(line: str, folder: Path) -> str:
    if line.startswith("!["):
        text, _, name = line[2:].rstrip(")").partition("](")
        data = base64.b64encode((folder / name).read_bytes()).decode()
        return f'<p><img alt="{html.escape(text)}" src="data:image/png;base64,{data}"></p>'
    for mark, tag in (("## ", "h2"), ("# ", "h1"), ("- ", "li")):
        if line.startswith(mark):
            return f"<{tag}>{_inline(line[len(mark) :])}</{tag}>"
    return f"<p>{_inline(line)}</p>" if line.strip() else ""


def _table(lines: Sequence[str]) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, body = rows[0], [r for r in rows[1:] if not all(set(c) <= {"-"} for c in r)]
    top = "".join(f'<th scope="col">{_inline(c)}</th>' for c in head)
    rest = "".join("<tr>" + "".join(f"<td>{_inline(c)}</td>" for c in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{rest}</tbody></table>"


def _inline(text: str) -> str:
    parts = html.escape(text).split("`")
    marked = "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
    bold = marked.split("**")
    return "".join(f"<strong>{p}</strong>" if i % 2 else p for i, p in enumerate(bold))
