"""Files that are not opened here: pickles, and those of other frameworks; what to do with each, in one sentence."""

from negatoscope.errors import DataError
from negatoscope.stores import AnyPath

_EXPORT = "name what makes the network, package.module:factory, and give its state dict with --weights"
_TORCH = f"a model that cannot run code, got {{file}}, which by its ending is a pickle; {_EXPORT}, or export it to ONNX"
_PICKLE = (
    "a model that cannot run code, got {file}, which by its ending is a pickle; export it to ONNX (with skl2onnx, of "
    "scikit-learn), or, if you trust it, name a function of yours that returns joblib.load('{file}'), "
    "package.module:factory"
)
_SAVED = "python -m tf2onnx.convert --saved-model {stem} --output {stem}.onnx"
_KERAS = (
    "an ONNX model, got Keras's {file}; convert it where TensorFlow and tf2onnx are: in Python "
    f"keras.saving.load_model('{{file}}').export('{{stem}}'), then {_SAVED}"
)
_LITE = (
    "an ONNX model, got TensorFlow Lite's {file}; convert it where tf2onnx is: "
    "python -m tf2onnx.convert --tflite {file} --output {stem}.onnx"
)
_SAVED_MODEL = f"an ONNX model, got the SavedModel {{file}}; convert it where TensorFlow and tf2onnx are: {_SAVED}"

_SENTENCES = {
    **dict.fromkeys((".bin", ".ckpt", ".pt", ".pth"), _TORCH),
    **dict.fromkeys((".joblib", ".p", ".pickle", ".pkl"), _PICKLE),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), _KERAS),
    ".tflite": _LITE,
}


def expect_openable(path: AnyPath) -> None:
    """Refuse what may hold any code or belongs to another framework, by its ending.

    Raises:
        DataError: It does; the sentence says how to convert it.
    """
    folder = path.parent if path.name == "saved_model.pb" else path
    saved = folder.is_dir() and (folder / "saved_model.pb").is_file()
    sentence = _SAVED_MODEL if saved else _SENTENCES.get(path.suffix.lower())
    if sentence:
        file = folder if saved else path
        raise DataError(f"expected {sentence.format(file=file.name, stem=file.stem)}")
