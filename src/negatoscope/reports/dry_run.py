"""What a command would run, how much it would write and how long that would take, before any of it is done."""

from dataclasses import dataclass

from negatoscope.reports.formatting import counted, duration, megabytes


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a command would do; it shows itself as text.

    Args:
        title: What is run, in a few words.
        noun: What a job is called.
        jobs: All of them.
        done: Jobs that an earlier call has finished, and that are not run again.
        workers: How many of the others run at once.
        images: That these are about.
        passes: How many images models are shown in them.
        size_bytes: What they will write, reports aside.
        seconds: How long they will take with so many workers; None where that is not known.
        basis: What the seconds were estimated from, or why they are not known; "" where nothing is left to run.
        notes: What else must be known, as sentences without their full stop.
    """

    title: str
    noun: str
    jobs: int
    done: int
    workers: int
    images: int
    passes: int
    size_bytes: int
    seconds: float | None
    basis: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        left = self.jobs - self.done
        at_once = f", {self.workers:,} at once" if left and self.workers > 1 else ""
        lines = [f"{counted(self.jobs, self.noun)}, {self.done:,} done: {left:,} to run{at_once}"]
        if left:
            time = "time not known: " if self.seconds is None else f"about {duration(self.seconds)}, estimated from "
            lines += [
                f"{counted(self.images, 'image')}, shown to models {self.passes:,} times",
                f"about {megabytes(self.size_bytes)} to write, reports aside",
                f"{time}{self.basis}",
            ]
        return "\n".join([f"{self.title}:", *(f"  {line}" for line in (*lines, *self.notes))])
