"""Measurements of the product on sets of incidents with known answers. The one place of `app` that reaches `evals`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.asking import AsJson
from app.cli.output import fail, show, working
from app.cli.topics import ByTopic
from evals.suites import SETS

commands = typer.Typer(
    help="Measure the product on sets of incidents with known answers.", cls=ByTopic, no_args_is_help=True
)

WithModel = Annotated[bool, typer.Option("--model", help="Let the configured model take part.")]


@commands.command("all")
def run_sets(
    *,
    data: Annotated[Path, typer.Option("--data", help="Folder that holds a folder for each set.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for predictions and report.")] = Path("evaluation"),
    model: WithModel = False,
) -> None:
    """Run every set that is present, and write the report. Exit code 1 when a case failed."""
    from evals.command import run_all

    lines, is_good = run_all(data, out, model=_model() if model else None)
    typer.echo("\n".join(lines))
    sys.exit(0 if is_good else 1)


@commands.command("report")
def report_on(
    *,
    data: Annotated[Path, typer.Option("--data", help="Folder that holds a folder for each set, with its answers.")],
    predictions: Annotated[Path, typer.Option("--predictions", help="Folder of SET.jsonl files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the report.")] = Path("evaluation"),
) -> None:
    """Score predictions that were made before, and write report.md and report.html."""
    from evals.command import report

    with working("Scoring"):
        written, absent = report(data, predictions, out)
    for path in written:
        typer.echo(f"written: {path}")
    for name, reason in absent.items():
        typer.echo(f"{name}: {reason}")


@commands.command("scale")
def scale(
    part: Annotated[str, typer.Argument(metavar="PART", help="start, ingest, resident, why, collect, or all.")] = "all",
    *,
    objects: Annotated[int, typer.Option("--objects", min=1, help="Live objects of the estate.")] = 2_000,
    events: Annotated[int, typer.Option("--events", min=1, help="Recorded changes in the log, for `why`.")] = 20_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Repetitions of each question.")] = 50,
    database: Annotated[
        str | None, typer.Option("--database", help="URL of an empty database; a new SQLite file when absent.")
    ] = None,
    fill: Annotated[bool, typer.Option("--fill", help="Only fill the database with the estate.")] = False,
) -> None:
    """Measure how large an estate can be, and how fast questions are answered; prints JSON."""
    import tempfile

    from app.wiring import open_graphs
    from evals.scale.command import PARTS, fill_store, kept_beside, measure

    if part not in ("all", *PARTS):
        fail(f"there is no measurement {part!r}; there are: {', '.join(PARTS)}, or all")
    if fill:
        fill_store(open_graphs(database), objects)
        return
    for name in PARTS if part == "all" else (part,):
        with tempfile.TemporaryDirectory(prefix="plumbline-scale-") as passing, working(f"Measuring {name}"):
            url = database or f"sqlite:///{passing}/plumbline.db"
            folder = kept_beside(database) if database else Path(passing)
            again = ["-m", "app.cli", "eval", "scale", "--fill", "--objects", str(objects), "--database", url]
            figures = measure(
                name,
                open_graphs(url),
                objects=objects,
                events=events,
                rounds=rounds,
                again=again,
                data_dir=folder,
                url=url,
            )
        typer.echo(json.dumps({"part": name, "database": url.partition(":")[0], **figures}))


@commands.command("cases")
def cases(
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write cases/ID/ and truth.jsonl into.")] = Path("demo"),
) -> None:
    """Write the demo's incidents as a set of cases, with the answers apart, for `plumbline eval demo`."""
    from app.demo.incidents import worlds
    from evals.world_file import write_case

    out.mkdir(parents=True, exist_ok=True)
    answers = []
    for one in worlds():
        world, truth = _case_of(one)
        write_case(world, out, truth["case"])
        answers.append(truth)
        typer.echo(f"written: {out / 'cases' / truth['case']}")
    (out / "truth.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers), encoding="utf-8")


@commands.command("ablation")
def ablation(
    *,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder that holds a folder for each set; the demo alone when absent.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for ablation.json, for the report.")] = None,
    apps: Annotated[int, typer.Option("--apps", min=1, help="Applications that get each transplanted fault.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Measure what declared state, change history and relations are worth: the same incidents without one of them."""
    from app.demo.incidents import worlds
    from evals.ablation import FILE, as_rows, measure, table

    found = as_rows(list(measure(data, (_case_of(one) for one in worlds()), apps=apps)))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / FILE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found, as_json, lambda _: typer.echo(table(found)))


def _case_of(one: Any) -> tuple[Any, dict[str, str]]:
    """One incident of the demo as a world, and what is right about it."""
    from evals.world import World

    expected, (telemetry, gaps) = one.scenario.expected, one.gathered
    world = World(
        graph=one.graph,
        alerts=one.alerts,
        telemetry=telemetry,
        gaps=gaps,
        open_incidents=one.before,
        deployers=one.deployers,
        is_declared=True,
    )
    truth = {"verdict": expected.verdict.value, "cause": expected.cause_resource, "kind": expected.cause_kind}
    return world, {"case": one.scenario.name, **truth}


def _one_set(name: str, question: str) -> None:
    @commands.command(name, help=f"Run the set {name}: {question}. Exit code 1 when a case failed.")
    def run(
        *,
        data: Annotated[Path, typer.Option("--data", help="Folder that holds cases/ID/; answers are not read.")],
        out: Annotated[Path, typer.Option("--out", help="File of predictions to write.")] = Path("predictions.jsonl"),
        model: WithModel = False,
    ) -> None:
        from evals.command import run_set, summary

        finished = run_set(name, data=data, out=out, model=_model() if model else None)
        typer.echo(summary(name, finished, out))
        sys.exit(1 if any(f.error for f in finished) else 0)


def _model() -> Any:
    from app.settings import load_settings
    from app.wiring import build_model

    return build_model(load_settings().model)


for _name, _question in SETS.items():
    _one_set(_name, _question)
