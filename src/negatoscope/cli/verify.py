"""`negatoscope verify`: is a prediction the same for an image and its transforms?"""

from typing import Annotated

import typer

from negatoscope.cli.audit import given_options, open_model
from negatoscope.cli.checks import LAST_SEED, within
from negatoscope.cli.loading import loading
from negatoscope.cli.model_options import with_model_options
from negatoscope.cli.options import Bits, Context, DataDir, Device, Limit, Model, Window, command_line, option
from negatoscope.cli.show import Format, show


@with_model_options
def verify(
    context: Context,
    model: Model,
    data: Annotated[str, option("DATA", "Images, with or without labels: mnist:test, a folder, an archive.")],
    invariant: Annotated[
        str,
        option(
            "GROUPS", "Groups of transforms that predictions must be invariant to, comma-separated; see list groups."
        ),
    ] = "negative",
    at_least: Annotated[
        float,
        option(
            "NUMBER",
            "Exit code 1 where a smaller share of the images than this, in [0, 1], agrees.",
            check=within(0, 1),
        ),
    ] = 1.0,
    limit: Limit = None,
    seed: Annotated[int, option("NUMBER", "Which images those are.", check=within(0, LAST_SEED))] = 0,
    bits: Bits = None,
    window: Window = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    format: Format = "auto",
) -> None:
    """Count on how many images a prediction is the same for the image and its negative, and say whether it must be.

    An ONNX file holds it by construction where its graph is that of a wrapper that `negatoscope harden` writes. Exit
    code 0: enough predictions agree; 1: too few; 2: something given is unusable.
    """
    with loading():
        from negatoscope.auditing.arguments import provenance_of
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.data.unlabeled import open_images
        from negatoscope.hardening.verification import verification_csv, verification_tables
        from negatoscope.hardening.verify import class_names_of, run_verification, verification_plan
        from negatoscope.hardware import pick_hardware
        from negatoscope.transforms.groups import resolve_group

    hardware = pick_hardware(device, "float32")
    given_options(context)
    resolve_group(invariant, channels=3)
    dataset = open_images(data, data_dir=data_dir)
    classifier = open_model(context, model, class_names=class_names_of(dataset), device=hardware.device)
    plan = verification_plan(classifier, dataset, limit=limit, seed=seed, bits=bits, window=window)
    with ProgressDisplay() as display:
        found = run_verification(
            plan,
            source=model,
            invariant=invariant,
            at_least=at_least,
            provenance=provenance_of(classifier, dataset, command=command_line(context)),
            progress=lambda done, total: display.update(f"{done:,} of {total:,} images", done / total),
        )
    show(
        found,
        format=format,
        terminal=lambda: verification_tables(found),
        markdown=lambda: str(found),
        csv=lambda: verification_csv(found),
    )
    raise typer.Exit(0 if found.passed else 1)
