"""`negatoscope inspect`: which images of a data set look negated, or with swapped channels, beside the rest?"""

from typing import Annotated

import typer

from negatoscope.cli.checks import within
from negatoscope.cli.loading import loading
from negatoscope.cli.options import Bits, Context, DataDir, Limit, Window, command_line, flag, option, settings_of
from negatoscope.cli.show import Format, show


def inspect(
    context: Context,
    data: Annotated[str, typer.Argument(help="What audit --data takes, or a folder of images without labels.")],
    invariant: Annotated[
        str,
        option("GROUPS", "What images may be transformed by: negative, channel_permutation, quarter_turns, ..."),
    ] = "negative",
    folds: Annotated[
        int, option("NUMBER", "Each image is scored by a network fitted on the other folds.", check=within(2, 20))
    ] = 2,
    seed: Annotated[
        int, option("NUMBER", "Decides folds, weights, and which images a limit leaves.", check=within(0, 2**32 - 1))
    ] = 0,
    size: Annotated[
        int, option("NUMBER", "Larger images are scored at this many pixels a side.", check=within(8, 256))
    ] = 32,
    limit: Limit = None,
    bits: Bits = None,
    window: Window = None,
    keep_names: Annotated[bool, flag("--keep-names", "Name the files of private data (DICOM) in images.csv.")] = False,
    out: Annotated[
        str, option("FOLDER", "The folder or URL of the report; an earlier one is replaced.")
    ] = "out/inspect",
    data_dir: DataDir = None,
    format: Format = "auto",
) -> None:
    """Find images that look negated, or with swapped channels, beside the rest: before they spoil a training.

    No model and no labels are needed. Writes report.html with pictures, report.md, inspection.json, and images.csv with
    the score of every image. Exit code 0: done, whatever was found; 2: something given is unusable.
    """
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.data.unlabeled import open_images
        from negatoscope.hardening.inspect import expect_possible, run_inspection
        from negatoscope.hardening.inspection import InspectionConfig
        from negatoscope.hardening.inspection_text import inspection_csv, inspection_markdown, inspection_tables
        from negatoscope.result_folder import result_folder

    config = settings_of(context, InspectionConfig)
    expect_possible(config)
    dataset = open_images(data, data_dir=data_dir)
    with ProgressDisplay() as display:

        def moved(text: str, share: float) -> None:
            display.update(text, share)
            display.step_at_tenths(text, share)

        place = context.with_resource(result_folder(out))
        found = run_inspection(dataset, config, out=place, command=command_line(context), progress=moved)
    show(
        found,
        format=format,
        terminal=lambda: inspection_tables(found),
        markdown=lambda: inspection_markdown(found),
        csv=lambda: inspection_csv(found.images),
    )
    typer.echo(f"Written to {out}: report.html, report.md, inspection.json and images.csv.", err=True)
