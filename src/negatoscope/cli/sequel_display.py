"""What a user sees while the sequel is made."""

from negatoscope.cli.progress import ProgressDisplay


class SequelDisplay(ProgressDisplay):
    """Shows how far all classifiers are: a bar on a terminal, a line for each tenth of one elsewhere.

    Args:
        classifiers: How many there are.
    """

    def __init__(self, classifiers: int) -> None:
        super().__init__()
        self.shares: dict[str, float] = {}
        self.expect(float(classifiers))

    def moved(self, name: str, text: str, share: float) -> None:
        """Show where a classifier stands."""
        tenths = int(10 * share) - int(10 * self.shares.get(name, 0.0))
        self.shares[name] = share
        self.update(f"{name}: {text}", sum(self.shares.values()))
        if tenths:
            self.step(f"{name}: {text}")
