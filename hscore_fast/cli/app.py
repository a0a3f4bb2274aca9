"""The application: its commands, and what becomes of their errors."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import hscore_fast
from hscore_fast.cli.bench import bench
from hscore_fast.cli.demo import demo
from hscore_fast.cli.info import info
from hscore_fast.cli.matrix import matrix
from hscore_fast.cli.messages import BadInput, complain
from hscore_fast.cli.rank import rank
from hscore_fast.cli.score import score

app = typer.Typer(
    name="hscore-fast",
    help="The H-score of task transferability: how well features will serve a classification task.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(score)
app.command()(rank)
app.command()(matrix)
app.command()(demo)
app.command()(info)
app.command()(bench)


@app.command("help")
def show_help(
    command: Annotated[str | None, typer.Argument(metavar="[COMMAND]", help="Which one.")] = None,
) -> int:
    """Say what the commands do, or everything about one of them."""
    return run([*([command] if command else []), "--help"])


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"hscore-fast {hscore_fast.build_info()['version']}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Run the application and turn each way it can end into an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no such character gets its number, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command = typer.main.get_command(app)
    try:
        # Not standalone: typer would draw boxes around errors and choose its own exit codes.
        code = command.main(
            args=list(arguments) or ["--help"], prog_name="hscore-fast", standalone_mode=False
        )
        sys.stdout.flush()
    except BadInput as error:
        complain(str(error))
        return 2
    except typer.Abort:  # what an interrupt becomes in typer before 0.20
        return 130
    except BrokenPipeError:
        # The reader went away, as `| head` does; nothing more can be written, not even at exit.
        _forget_output()
        return 1
    except OSError as error:
        complain(f"cannot write the output: {error.strerror or error}")
        _forget_output()
        return 2
    except Exception as error:
        # Typer has its usage errors from click, and newer versions from a click of their own, so
        # they are known by what they can do.
        if not hasattr(error, "format_message"):
            raise
        path = getattr(getattr(error, "ctx", None), "command_path", "hscore-fast")
        complain(f"{error.format_message().rstrip('.')}; see '{path} --help'")
        return 2
    return code if isinstance(code, int) else 0


def _forget_output() -> None:
    """Let what is still in the buffer go nowhere, so that the exit is silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
