"""A package that is not there or does not fit is one sentence that says what to install."""

import tomllib
from pathlib import Path

import pytest

from negatoscope.errors import PAIR, MissingExtraError, needed


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError, match=r"^this needs not_there\.part: pip install 'onnx>=\S+' 'onnxruntime>="):
        needed("not_there.part", extra="onnx", why="this")


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", "RuntimeError: operator .* does not exist"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("import ctypes; ctypes.CDLL('libcudart.so.13000')", "OSError: libcudart.so.13000: cannot open shared .*"),
    ],
)
def test_what_fails_at_its_import_names_a_pair_that_works(code: str, failed: str, place: Path) -> None:
    (place / "unfit_package.py").write_text(code)
    sentence = (
        rf"^this needs unfit_package, which is installed but cannot be imported \({failed}\); torch \S+ and torch"
    )
    with pytest.raises(MissingExtraError, match=sentence) as caught:
        needed("unfit_package", extra="timm", why="this")
    assert str(caught.value).endswith("a pair that works is: pip install torch==2.14.1 torchvision==0.29.1")
    with pytest.raises(
        MissingExtraError, match=r"\); pip install 'onnx>=\S+' 'onnxruntime>=\S+' 'onnxscript>=\S+' --force-reinstall$"
    ):
        needed("unfit_package", extra="onnx", why="this")


def test_the_pair_that_works_is_the_one_that_is_tested() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert {f"{name}=={version}" for name, version in PAIR.items()} <= set(project["dependency-groups"]["timm"])


def test_a_part_that_is_imported_when_it_is_used_fails_the_same_way(place: Path) -> None:
    (place / "lazy_package.py").write_text("def __getattr__(name): raise ImportError(f'no {name}')")
    needed("lazy_package", extra="hf", why="this")
    with pytest.raises(MissingExtraError, match=r"^this needs lazy_package, .* \(ImportError: no Processor\); torch "):
        needed("lazy_package", extra="hf", why="this", names=["Processor"])
