"""How reports call datasets and classifiers."""

SMOKE = ", smoke run"
"""What a title ends in where few images were used."""

_NAMES = {"mnist": "MNIST", "mnist_sample": "MNIST sample", "fashion_mnist": "Fashion-MNIST", "gtsrb": "GTSRB"}


def dataset_name(dataset: str) -> str:
    """A dataset as people call it, with the arguments of its spec if it has some."""
    name, bracket, arguments = dataset.partition("(")
    return _NAMES.get(name, name) + (f" ({arguments}" if bracket else "")


def classifier_name(epsilon: float) -> str:
    """The paper's name for the classifier trained at `epsilon`."""
    return f"Robust DNN (ε = {epsilon:.3g})" if epsilon else "DNN"


def short_classifier_name(epsilon: float) -> str:
    """The same for narrow places: axes and terminals."""
    return f"ε = {epsilon:.3g}" if epsilon else "DNN"
