"""The command line: ``doseline run``, ``doseline export``, ``doseline models``, ``doseline show``."""

import gc
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from doseline.errors import DoselineError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Plasma levels from doses. Start with `doseline run isotretinoin`.",
    epilog="For research; not a basis for treating anyone.",
)


@app.command()
def run(
    study: Annotated[
        str, typer.Argument(help="A study of the library, such as isotretinoin, or a file: my_study.toml")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; results/NAME if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace results that are there.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say how large it would be and how long it would take; write nothing."
        ),
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Write levels to this Zarr store, part by part; a run that was stopped goes on there."
        ),
    ] = None,
    dtype: Annotated[str, typer.Option(help="Of levels in a store: float64 or float32.")] = "float64",
    scheduler: Annotated[
        str | None,
        typer.Option(help="Simulate on the workers of a Dask cluster: tcp://host:8786 of its scheduler."),
    ] = None,
) -> None:
    """Run a study: simulate, print a table of exposure, write levels, tables and pictures."""
    if dry_run:
        return _plan(study, store, dtype)
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    begin = time.perf_counter()
    from doseline.cluster import connected
    from doseline.show import results_caption, results_table
    from doseline.study import STEPS, read_study, run_study

    chosen = read_study(study)
    folder = out or Path("results") / chosen.name
    console = _console()
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=len(STEPS))

        def show(step: str) -> None:
            bar.update(task, description=step, completed=STEPS.index(step))

        try:
            with connected(scheduler) as client:
                kept: dict[str, Any] = {"store": store, "dtype": dtype}
                results = run_study(chosen, folder, force=force, progress=show, client=client, **kept)
        except KeyboardInterrupt as stopped:  # here, because typer would end without a word
            print("; ".join(("stopped", f"{folder} is as it was", *map(str, stopped.args))), file=sys.stderr)
            raise typer.Exit(130) from None
    console.print(results_table(chosen, results))
    console.print(results_caption(chosen, results), style="italic", highlight=False, markup=False)
    for note in results.notes:
        console.print(f"note: {note}", style="yellow", highlight=False, markup=False)
    files = ", ".join(sorted(file.name for file in results.folder.iterdir() if not file.name.startswith(".")))
    console.print(f"Written to {results.folder}: {files}", soft_wrap=True, highlight=False)
    console.print(f"{time.perf_counter() - begin:.1f} s", style="dim", highlight=False)


def _plan(study: str, store: Path | None, dtype: str) -> None:
    """Print what a run would be. One that does not fit is told as the run itself would tell it."""
    import warnings

    from doseline.show import plan_table
    from doseline.study import plan_study, read_study

    chosen = read_study(study)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        made = plan_study(chosen, store=store, dtype=dtype)
    console = _console()
    console.print(plan_table(chosen, made), highlight=False)
    for note in notes:
        console.print(f"note: {note.message}", style="yellow", highlight=False, markup=False)
    if made.refusal is not None:
        raise made.refusal
    console.print("Nothing was run as a whole, and nothing was written.", style="dim", highlight=False)


@app.command()
def export(
    store: Annotated[
        Path, typer.Argument(help="A store that `doseline run --store` or dl.simulate has written.")
    ],
    out: Annotated[Path, typer.Argument(help="A file that ends in .parquet, or a folder of such files.")],
) -> None:
    """Write the levels of a store as a long Parquet table, for R and others."""
    from doseline.parquet import export_parquet

    found = export_parquet(store, out)
    files = [found] if found.is_file() else list(found.iterdir())
    print(f"Written to {found}: {sum(each.stat().st_size for each in files) / 1e6:,.1f} MB")


@app.command()
def models() -> None:
    """List the models and studies of the library."""
    from rich.table import Table

    from doseline.model.read import library, load_model, studies

    table = Table("model", "version", "what it is", "parameters", box=None, pad_edge=False)
    for name in library():
        model = load_model(name)
        table.add_row(name, model.version, model.title, str(len(model.parameters)))
    console = _console()
    console.print(table)
    console.print(f"\nstudies to run: {', '.join(studies())}", highlight=False)
    console.print(
        "`doseline show MODEL` prints one; `doseline run STUDY` runs one.", style="dim", highlight=False
    )


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="A model of the library, or a file: my_model.toml")],
    checks: Annotated[
        bool, typer.Option("--checks", help="Compute the numbers that the model must give back.")
    ] = False,
) -> None:
    """Print a model: values, units, where they come from, and what it must give back."""
    from doseline.model.read import load_model
    from doseline.show import check_table, model_tables

    console, chosen = _console(), load_model(model)
    for part in model_tables(chosen):
        console.print(part, highlight=False, markup=False)
    if checks:
        console.print(check_table(chosen))
    else:
        console.print(
            f"{len(chosen.checks)} numbers to give back; --checks computes them.",
            style="dim",
            highlight=False,
        )


def main() -> None:
    """Entry point: mistakes in what was given are told in a sentence, with exit code 2."""
    # one command, and out: searching a million imported objects for garbage takes a fifth of a run, mostly at its end
    gc.set_threshold(200_000, 50, 50)
    try:
        app(prog_name="doseline")
    except DoselineError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    finally:
        gc.freeze()


def _console() -> Any:
    from rich.console import Console

    # a pipe or a log has no width: take one that holds the tables
    return Console(width=None if sys.stdout.isatty() else 120)
