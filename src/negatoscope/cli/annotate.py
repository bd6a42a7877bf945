"""`negatoscope annotate`: a file in which to say whose label each transform keeps."""

import shlex
from typing import Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import DataDir, LabelColumns, Labels, option


def annotate(
    data: Annotated[str, typer.Argument(help="What audit --data takes: a folder, an archive, a table, a dataset.")],
    out: Annotated[
        str, option("FILE", "The file or URL to write; one that is there is never replaced.")
    ] = "label-preserving.toml",
    labels: Labels = "",
    label_columns: LabelColumns = "",
    data_dir: DataDir = None,
) -> None:
    """Write a TOML file to start from: which classes of the data keep their label under which transform.

    It lists the classes, what is known, what is assumed, and as comments every transform that nobody annotated. Correct
    it and give it to an audit: --label-preserving FILE.
    """
    with loading():
        from negatoscope.auditing.annotate import annotation_toml
        from negatoscope.data.open import open_dataset
        from negatoscope.errors import OutputError, expect
        from negatoscope.files import write_whole
        from negatoscope.stores import path_of

    file = path_of(out)
    expect(not file.exists(), "a new file to write to", f"{out}, which is there; give another --out", OutputError)
    dataset = open_dataset(data, data_dir=data_dir, labels=labels or None, label_columns=label_columns)
    write_whole(file, annotation_toml(dataset).encode())
    typer.echo(f"Written: {out}, with {len(dataset.class_names)} classes of {dataset.spec}. Correct it; then")
    beside = [("--data", data), ("--labels", labels), ("--label-columns", label_columns), ("--label-preserving", out)]
    given = " ".join(f"{option} {shlex.quote(value)}" for option, value in beside if value)
    typer.echo(f"negatoscope audit MODEL {given}")
