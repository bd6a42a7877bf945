"""Options that several commands share, and the command line as provenance records it."""

import functools
import inspect
import shlex
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from negatoscope.cli.checks import Check, center_and_width, one_of, within

if TYPE_CHECKING:
    Context = typer.Context
else:
    Context = typer.Context.__base__  # what typer passes in truth, which checks of types at run time see


Settings = TypeVar("Settings")


def option(metavar: str, help: str, *names: str, check: Check | None = None, panel: str | None = None) -> object:
    """An option whose value stands as `metavar` in the help; `check` refuses values before anything is loaded."""
    return typer.Option(*names, metavar=metavar, help=help, callback=check, rich_help_panel=panel)


def flag(name: str, help: str, *, panel: str | None = None) -> object:
    """An option without a value."""
    return typer.Option(name, metavar="", help=help, rich_help_panel=panel)


DataDir = Annotated[
    Path | None,
    option("FOLDER", "Look for data here first; then in NEGATOSCOPE_DATA_DIR, in the cache, and at its official home."),
]
Device = Annotated[str, option("NAME", "auto, cpu, cuda, cuda:1 or mps.")]
Precision = Annotated[
    str,
    option(
        "NAME",
        "auto, bf16 or float32: of training; evaluation always uses float32.",
        check=one_of("auto", "bf16", "float32"),
    ),
]
Fast = Annotated[bool, flag("--fast", "A smoke run on a few hundred images: no results.")]
OnlyReport = Annotated[bool, flag("--only-report", "Train nothing: rebuild the reports from the runs in --out.")]

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="What audit takes: model.onnx, model.pt2, package.module:factory, ...")
]
_image_option = functools.partial(option, panel="Images and their labels")
Labels = Annotated[
    str, _image_option("FILE", 'Labels beside the images: .csv, .tsv, .jsonl, COCO\'s .json, or "{label}_*.png".')
]
LabelColumns = Annotated[
    str, _image_option("NAMES", "FILE,LABEL or FILE,LABEL,OBJECT: the table's columns, where not found by name.")
]
Limit = Annotated[
    int | None, _image_option("NUMBER", "At most this many images, each class in proportion.", check=within(1))
]
Bits = Annotated[
    int | None,
    _image_option(
        "NUMBER", "Of 16-bit images: how many bits they use, 8 to 16, where files do not say.", check=within(8, 16)
    ),
]
Window = Annotated[
    str | None,
    _image_option(
        "NUMBERS", "CENTER,WIDTH of the values that become black to white, as in 40,400.", check=center_and_width
    ),
]
LabelPreserving = Annotated[str, _image_option("FILE", "TOML: which classes keep their label under which transform.")]
ExpectAccuracy = Annotated[
    float | None,
    option("NUMBER", "Stop at once if accuracy on clean images is below this, in [0, 1].", check=within(0, 1)),
]

_EXECUTION = "Where it runs"
ExecutorName = Annotated[
    str,
    option(
        "NAME",
        "local: this process; processes: others of this machine; ray: a Ray cluster. Results are the same.",
        "--executor",
        panel=_EXECUTION,
    ),
]
Workers = Annotated[
    int | None,
    option(
        "NUMBER",
        "How many at once; by default as many as this machine has processors for; local has one.",
        "--workers",
        panel=_EXECUTION,
    ),
]
Address = Annotated[
    str,
    option(
        "HOST:PORT",
        "Of a Ray cluster; by default one is started on this machine, for this command alone.",
        "--address",
        panel=_EXECUTION,
    ),
]
Threads = Annotated[
    int | None,
    option(
        "NUMBER",
        "Of each job, which may decide last bits; by default 1, and with --executor local all.",
        "--threads",
        panel=_EXECUTION,
    ),
]
NoSelfCheck = Annotated[bool, flag("--no-self-check", "Try no other settings first, and go on whatever comes.")]
DryRunOption = Annotated[
    bool,
    flag(
        "--dry-run",
        "Show jobs, images, passes, bytes and time, by a few images timed here; run nothing, write nothing.",
        panel=_EXECUTION,
    ),
]


def with_options(
    command: Callable[..., None], options: Sequence[inspect.Parameter], *, before: str = ""
) -> Callable[..., None]:
    """The command with more options, `before` one of its own or at its end; its body reads them from its context."""
    own = inspect.signature(command, eval_str=True).parameters
    place = list(own).index(before) if before else len(own)
    every = [*list(own.values())[:place], *options, *list(own.values())[place:]]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        command(**{name: given[name] for name in own})

    signature = inspect.Signature([each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in every])
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def settings_of(context: Context, kind: type[Settings], **others: object) -> Settings:
    """What is made of those of the command's options that are named as its fields, as far as given, and of `others`."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    given = {name: context.params[name] for name in names if context.params.get(name) not in (None, ())}
    return kind(**given | others)


# What is about this machine alone means nothing to a reader.
_LOCAL = ("out", "overwrite", "data_dir", "format", "executor", "workers", "address", "dry_run")


def is_given(context: Context, name: str) -> bool:
    """Whether the user wrote an option."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def command_line(context: Context) -> str:
    """The command as it was given, with every option but those about this machine; of paths the last part."""
    from negatoscope.provenance import without_folders

    words = [context.command_path]
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in _LOCAL or not is_given(context, name):
            continue
        value = context.params[name]
        for part in value if isinstance(value, list | tuple) else [value]:
            option = [parameter.opts[0]] if parameter.param_type_name == "option" else []
            words += option if part is True else [*option, shlex.quote(without_folders(str(part)))]
    return " ".join(words)
