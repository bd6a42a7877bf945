"""How a command is stopped, and which ones go on from there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_RESUMING = {
    *("audit", "search", "harden"),
    *(f"reproduce {name}" for name in ("table1", "sensitivity", "discussion", "match", "sequel", "recipes", "epochs")),
}
_ANEW = {"--dry-run", "--only-report"}  # with these they keep nothing either


class Stopped(BaseException):
    """The user or a scheduler asked the command to stop; no `Exception`, so that nothing takes it for an error."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number
        self.kept = True

    def sentence(self, words: Sequence[str]) -> str:
        """What is said of it to whoever gave the command of these words."""
        named = {" ".join(words[:count]) for count in (1, 2)}
        resumes = self.kept and named & _RESUMING and not {*words} & _ANEW
        return "Stopped. The same command resumes." if resumes else "Stopped."


@contextmanager
def nothing_kept() -> Iterator[None]:
    """What is stopped within the block begins anew, whatever its command."""
    try:
        yield
    except Stopped as stopped:
        stopped.kept = False
        raise
