"""What a user sees while an audit runs: what will be done, how long it takes, and what came out."""

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from negatoscope.auditing.audit import Gate, expect_usable, run
from negatoscope.auditing.page import audit_markdown
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.run import AuditProgress, estimate
from negatoscope.documents import to_plain
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reports.formatting import duration


def run_watched(plan: AuditPlan, *, out: Path, gate: Gate, hardware: Hardware, command: str) -> bool:
    """Run an audit with progress on standard error, print the result, and say whether the gate passed.

    Raises:
        NegatoscopeError: As `reports.audit.run` says.
    """
    console = Console(stderr=True)
    expect_usable(plan, out=out, gate=gate)
    _announce(plan, console, out)
    told = to_plain(record_provenance(command=command, hardware=hardware.description, data=[plan.dataset.provenance]))
    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("images", total=len(plan.dataset), left="")

        def show(progress: AuditProgress) -> None:
            left = "" if progress.seconds_left is None else f"{duration(progress.seconds_left)} left"
            bar.update(task, completed=progress.images, left=left)

        try:
            summary = run(plan, out=out, gate=gate, provenance=told, observe=show)
        except KeyboardInterrupt:
            console.print("Stopped. The same command goes on from here.")
            sys.exit(130)
    sys.stdout.write(audit_markdown(summary) + "\n")
    console.print(f"Written to {out}: report.html, summary.json, rows.parquet, junit.xml and figures.", soft_wrap=True)
    return summary["gate"]["passed"] is not False


def _announce(plan: AuditPlan, console: Console, out: Path) -> None:
    """What will be done; and before the first image is, how long that takes."""
    classifier, dataset = plan.classifier, plan.dataset
    console.print(
        f"{classifier.name} ({classifier.kind}) on {len(dataset):,} images of {dataset.spec} {dataset.split}, clean and"
        f" under {len(plan.steps)} transforms.",
        soft_wrap=True,
        highlight=False,
    )
    if classifier.runs_code:
        console.print(f"This runs your own code: {classifier.name}.", soft_wrap=True, highlight=False)
    if not (out / "plan.json").exists():
        needs = estimate(plan)
        size = f"{needs.size_bytes / 1e6:.1f} MB" if needs.size_bytes >= 100_000 else "under 0.1 MB"
        console.print(f"About {duration(needs.seconds)}, and {size} on disk.", highlight=False)
