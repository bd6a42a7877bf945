"""Options that several commands share mean the same in each, and what is recorded is what was given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from negatoscope.cli.execution import execution_of, with_execution
from negatoscope.cli.main import app
from negatoscope.cli.options import Context, DryRunOption, command_line, settings_of, with_options
from negatoscope.errors import InputError
from negatoscope.hardware import pick_hardware

EXECUTION = ("executor", "workers", "address", "threads", "dry_run")


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the project, with its names."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())
RUNNING = [names for names, command in COMMANDS.items() if "executor" in {each.name for each in command.params}]


def test_every_command_that_runs_jobs_has_a_dry_run_and_the_same_options_for_where() -> None:
    assert {names[-1] for names in RUNNING} == {
        *("audit", "search", "harden", "table1", "sensitivity", "discussion", "match", "sequel")
    }
    shown = set()
    for names in RUNNING:
        params = [each for each in COMMANDS[names].params if each.name in EXECUTION]
        assert tuple(each.name for each in params) == EXECUTION
        shown.add(tuple((tuple(each.opts), each.help, each.default, each.rich_help_panel) for each in params))
    assert len(shown) == 1


@dataclass(frozen=True)
class Settings:
    """What a command makes of its options."""

    depth: int = 3
    names: tuple[str, ...] = ("all",)
    window: str | None = None
    threads: int | None = None


def run(command: Callable[..., None], *words: str) -> str:
    made = typer.Typer()
    made.command()(command)
    result = CliRunner().invoke(made, list(words), prog_name="tool", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), Settings(threads=7)),
        (("--depth", "0"), Settings(depth=0, threads=7)),
        (("--names", "a", "--names", "b"), Settings(names=("a", "b"), threads=7)),
        (("--window", ""), Settings(window="", threads=7)),
    ],
)
def test_settings_are_options_of_their_names_as_far_as_given(words: tuple[str, ...], expected: Settings) -> None:
    seen = []

    def command(
        context: Context,
        depth: int = 3,
        names: Annotated[list[str] | None, typer.Option()] = None,
        window: str | None = None,
        unrelated: str = "x",
    ) -> None:
        made = settings_of(context, Settings, threads=7)
        seen.append(replace(made, names=tuple(made.names)))

    run(command, *words)
    assert seen == [expected]


def test_options_that_are_added_stand_before_the_one_that_is_named_and_the_body_does_not_get_them() -> None:
    import inspect

    def more(extra: int = 5, other: str = "a") -> None: ...

    def command(context: Context, first: str = "1", last: str = "2") -> None:
        typer.echo(f"{first} {last} {context.params['extra']} {context.params['other']}")
        typer.echo(command_line(context))

    added = list(inspect.signature(more).parameters.values())
    whole = with_options(command, added, before="last")
    assert list(inspect.signature(whole).parameters) == ["context", "first", "extra", "other", "last"]
    assert list(inspect.signature(with_options(command, added)).parameters)[-2:] == ["extra", "other"]
    output = run(whole, "--other", "b", "--last", "9", "--extra", "6")
    assert output.splitlines() == ["1 9 6 b", "tool --extra 6 --other b --last 9"]


def test_jobs_run_where_the_options_say_and_threads_are_set_until_the_command_ends() -> None:
    seen = []

    @with_execution
    def command(context: Context, dry_run: DryRunOption = False) -> None:
        execution = execution_of(context, pick_hardware("cpu", "float32"))
        seen.append((execution.executor, execution.workers, execution.threads, execution.gpus, torch.get_num_threads()))

    before = torch.get_num_threads()
    run(command)
    run(command, "--executor", "processes", "--workers", "3")
    run(command, "--threads", "2")
    assert seen == [("local", None, None, 0, before), ("processes", 3, 1, 0, 1), ("local", None, 2, 0, 2)]
    assert torch.get_num_threads() == before
    with pytest.raises(InputError, match="expected --executor ray beside --address, got local"):
        run(command, "--address", "a:1")


def test_where_jobs_run_is_not_recorded_but_their_threads_are_since_they_may_decide_bits(tmp_path: Path) -> None:
    @with_execution
    def command(context: Context, dry_run: DryRunOption = False, out: str = "") -> None:
        typer.echo(command_line(context))

    words = ("--executor", "processes", "--workers", "2", "--threads", "1", "--out", str(tmp_path))
    assert run(command, *words) == "tool --threads 1\n"
