"""How what is on the table is audited: as a command, and as Python."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from negatoscope.provenance import python_call, without_folders
from negatoscope.transforms import CLEAN


@dataclass(frozen=True)
class Commands:
    """What an audit is given beside its transform.

    Args:
        models: As the user named them; of paths the last part is shown.
        data: The data, likewise.
        options: What models expect, by the names of options.
    """

    models: tuple[str, ...]
    data: str
    options: Mapping[str, object] = field(default_factory=dict)

    def command(self, spec: str) -> str:
        """The command that audits all models under one spec; clean images are in every audit."""
        words = ["negatoscope", "audit", *self.models, "--data", self.data]
        for name, value in self.options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        plain = [shlex.quote(without_folders(word)) for word in words]
        asked = [] if spec == CLEAN else ["--transform", shlex.quote(spec)]
        return " ".join([*plain, "--suite", "none", *asked])

    def python(self, spec: str) -> str:
        """The same in Python, a call for each model."""
        asked = {} if spec == CLEAN else {"transforms": [spec]}
        calls = (
            python_call("negatoscope.audit", model, data=self.data, suite="none", **asked, **self.options)
            for model in self.models
        )
        return "\n".join(["import negatoscope", "", *calls])
