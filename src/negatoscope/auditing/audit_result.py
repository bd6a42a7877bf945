"""A finished audit: its folder, and what it found."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from negatoscope.auditing.images_table import read_images, with_names
from negatoscope.auditing.results import SUMMARY, AuditSummary, CleanResult, TransformResult
from negatoscope.documents import read_document
from negatoscope.errors import DataError, InputError, OutputError, needed
from negatoscope.files import cannot_write, writing_folder
from negatoscope.reports.latex import latex_table
from negatoscope.result_folder import fetched
from negatoscope.rows import read_rows
from negatoscope.stores import StorePath, path_of


@dataclass(frozen=True)
class AuditResult:
    """A finished audit. It shows itself as text and in a notebook.

    Args:
        summary: Every number, as `summary.json` has it.
        out: The folder with the report, the rows and the figures.
    """

    summary: AuditSummary
    out: Path

    @property
    def clean(self) -> CleanResult:
        """The measurement of clean images."""
        return self.summary.clean

    @property
    def transforms(self) -> Mapping[str, TransformResult]:
        """The measurement under each transform, by its spec."""
        return {entry.spec: entry for entry in self.summary.transforms}

    @property
    def passed(self) -> bool:
        """Whether every rule of the gate holds; true where there is none."""
        return self.summary.gate.passed is not False

    @property
    def rows_path(self) -> Path:
        """Where the rows are."""
        return self.out / "rows.parquet"

    def rows(self) -> pa.Table:
        """One row for each image, clean and under each transform.

        Raises:
            DataError: The rows are gone or damaged.
        """
        return read_rows(self.rows_path)

    def to_pandas(self) -> Any:
        """The rows as a pandas data frame, with what images and classes are called.

        Its columns are those of the rows, then `name`, `label_name` and `prediction_name`.

        Raises:
            MissingExtraError: pandas is not installed.
            DataError: The rows or the table of images are gone or damaged.
        """
        needed("pandas", extra="pandas", why="to_pandas()")
        return with_names(self.rows(), read_images(self.out), self.summary.dataset.class_names).to_pandas()

    def to_latex(self) -> str:
        """Clean accuracy and that under each transform as a table in LaTeX, for the package booktabs."""
        from negatoscope.auditing.page_markdown import table_of_transforms

        return latex_table(*table_of_transforms(self.summary))

    def save(self, folder: str | Path) -> Path:
        """Copy the report, the rows and the figures to a folder that is new or empty, and return its path.

        Raises:
            InputError: It is a place in a store.
            OutputError: The folder holds files, or cannot be written.
        """
        target = path_of(folder)
        if isinstance(target, StorePath):
            raise InputError(f"expected a folder on the disk to save to, got {target}; audit with out='{target}'")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(f"expected {target} to be new or an empty folder, got one with files; give another")
        with writing_folder(target) as temporary:
            try:
                shutil.copytree(self.out, temporary, ignore=shutil.ignore_patterns(".lock"), dirs_exist_ok=True)
            except shutil.Error as error:
                raise cannot_write(target, OSError(str(error))) from error
        return target

    def __str__(self) -> str:
        from negatoscope.auditing.page_markdown import audit_markdown

        return audit_markdown(self.summary)

    def _repr_html_(self) -> str:
        from negatoscope.auditing.page import audit_notebook

        return audit_notebook(self.summary)


def read_audit(folder: str | Path) -> AuditResult:
    """The audit that a folder holds, or a place in a store.

    Raises:
        DataError: It holds none that is finished, or a damaged one, or one of an earlier schema.
    """
    place = path_of(folder)
    if isinstance(place, StorePath):
        return fetched(place, read_audit, what="a finished audit")
    if not place.is_dir():
        raise DataError(f"expected the folder of a finished audit, got {str(folder)!r}, which is no folder; correct it")
    file = place / SUMMARY
    if not file.is_file():
        hint = "give the --out of one that ended"
        raise DataError(f"expected a finished audit in {str(folder)!r}, which has no {SUMMARY}; {hint}")
    summary = read_document(file, AuditSummary, what="the summary of a finished audit", make="audit again")
    return AuditResult(summary, place)
