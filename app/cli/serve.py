"""The commands that start processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer()


@commands.command()
def up(
    *,
    with_demo: Annotated[bool, typer.Option("--demo", help="Serve the demo estate.")] = False,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Directory of database and keys.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = None,
    executor: Annotated[bool, typer.Option("--executor/--no-executor", help="Start the executor process, too.")] = True,
    trigger: Annotated[str | None, typer.Option("--trigger", help="Demo incident to trigger at once.")] = None,
) -> None:
    """Start the service, and the executor beside it as a process of its own."""
    from app.up import serve

    serve(demo=with_demo, data_dir=data_dir, host=host, port=port, with_executor=executor, trigger=trigger)


@commands.command()
def executor(
    *,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="End when standard input ends, as after the parent's death.")
    ] = False,
) -> None:
    """Run the executor: the one process with write access. Reads PLUMBLINE_EXECUTOR_CONFIG."""
    from app.executor import serve
    from app.settings import load_executor_settings, load_settings
    from app.wiring import build_executor

    settings = load_settings()
    built = build_executor(settings, load_executor_settings())
    serve(built, lock=settings.data_dir / "executor.lock", until_eof=until_eof)
