"""Estimators of scikit-learn, handed over as they are, give their own probabilities."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from negatoscope.errors import InputError
from negatoscope.models.open import open_classifier

pandas = pytest.importorskip("pandas")
NAMES = ("car", "bus", "cat", "dog")
ESTIMATORS: dict[str, BaseEstimator] = {
    "logistic regression": LogisticRegression(),
    "forest": RandomForestClassifier(5, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=2000, random_state=0)),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
}


def _data(*, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1] of 4x4 pixels, in the order NHWC, and classes from 0 to 3."""
    images = np.random.default_rng(0).random((80, 4, 4, channels), np.float32)
    return images, (images[:, :2].mean((1, 2, 3)) > 0.5) + 2 * (images[:, :, :2].mean((1, 2, 3)) > 0.5)


def _images(n: int = 9, *, channels: int = 1) -> tuple[torch.Tensor, np.ndarray]:
    images = np.random.default_rng(1).random((n, 4, 4, channels), np.float32)
    return torch.from_numpy(images.transpose(0, 3, 1, 2)), images.reshape(n, -1)


@pytest.mark.parametrize("model", ESTIMATORS.values(), ids=ESTIMATORS)
def test_its_own_probabilities_come_back(model: Any) -> None:
    images, labels = _data()
    model.fit(images.reshape(80, -1), labels)
    classifier = open_classifier(model, data_classes=4)
    assert (classifier.kind, classifier.name) == ("estimator", type(model).__name__)
    assert (classifier.input_spec.layout, classifier.input_spec.output) == ("flat", "probabilities")
    given, features = _images()
    np.testing.assert_allclose(classifier(given).softmax(1), model.predict_proba(features), atol=1e-5)


def test_a_decision_function_stands_for_logits() -> None:
    images, labels = _data()
    model = RidgeClassifier().fit(images.reshape(80, -1), labels)
    given, features = _images()
    expected = softmax(model.decision_function(features), axis=1)
    np.testing.assert_allclose(open_classifier(model, data_classes=4)(given).softmax(1), expected, atol=1e-5)
    two = RidgeClassifier().fit(images.reshape(80, -1), labels % 2)
    assert (open_classifier(two, data_classes=2)(given).argmax(1).numpy() == two.predict(features)).all()


@pytest.mark.parametrize("layout", ["flat", "flat-NHWC"])
def test_color_images_are_made_flat_as_they_were_when_it_was_fitted(layout: str) -> None:
    images, labels = _data(channels=3)
    rows = images if layout == "flat-NHWC" else images.transpose(0, 3, 1, 2)
    model = GaussianNB().fit(rows.reshape(80, -1), labels)
    with pytest.raises(InputError, match=r"^expected --layout of 48 numbers of a color image for GaussianNB: flat \(c"):
        open_classifier(model, data_classes=4)
    given, features = _images(channels=3)
    features = features if layout == "flat-NHWC" else given.flatten(1).numpy()
    classifier = open_classifier(model, data_classes=4, layout=layout)
    np.testing.assert_allclose(classifier(given).softmax(1), model.predict_proba(features), atol=1e-5)


def test_a_pipeline_may_begin_with_whole_images() -> None:
    images, labels = _data(channels=3)
    model = make_pipeline(
        FunctionTransformer(lambda values: values.mean(axis=3).reshape(len(values), -1)), GaussianNB()
    )
    model.fit(images, labels)
    given, _ = _images(channels=3)
    classifier = open_classifier(model, data_classes=4, layout="NHWC", size=4, channels="rgb")
    expected = model.predict_proba(given.permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(classifier(given).softmax(1), expected, atol=1e-5)


def test_classes_with_names_are_found_by_them() -> None:
    images, labels = _data()
    columns = pandas.DataFrame(images.reshape(80, -1), columns=[f"pixel{index}" for index in range(16)])
    model = GaussianNB().fit(columns, np.array(NAMES)[labels])
    classifier = open_classifier(model, data_classes=4, class_names=NAMES)
    assert classifier.input_spec.class_map == (1, 0, 2, 3), "its classes are sorted by name, those of the data are not"
    given, features = _images()
    predicted = model.predict(pandas.DataFrame(features, columns=columns.columns))
    assert [NAMES[index] for index in classifier(given).argmax(1)] == list(predicted)
    with pytest.raises(InputError, match=r"^expected the class 'van' once among the labels of n"):
        open_classifier(model, data_classes=4, class_names=("car", "van", "cat", "dog"))
    assert open_classifier(model, data_classes=4, class_names="ABCD", class_map="0..3").input_spec.data_classes == 4


def test_a_function_of_the_users_own_may_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forests_of_mine.py").write_text(
        "import numpy as np\nfrom sklearn.naive_bayes import GaussianNB\n"
        "def bayes():\n    return GaussianNB().fit(np.eye(16), np.arange(16) % 4)\n"
    )
    monkeypatch.chdir(tmp_path)
    classifier = open_classifier("forests_of_mine:bayes", data_classes=4)
    assert (classifier.kind, classifier.name, classifier.runs_code) == ("estimator", "bayes", True)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (LogisticRegression(), "got it without classes_; call fit first"),
        (
            LinearRegression(),
            "got it without predict_proba and decision_function; wrap it in a function that gives scores",
        ),
        (VotingClassifier([("a", GaussianNB())]), "got it without predict_proba and decision_function"),
        (
            RandomForestClassifier(2).fit(np.eye(4), np.eye(4, 2, dtype=int)),
            "got several labels an image; wrap it",
        ),
    ],
    ids=["unfitted", "regression", "votes", "two labels"],
)
def test_what_gives_no_scores_is_one_sentence(model: BaseEstimator, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^expected {type(model).__name__} to be a fitted .* an image, {sentence}"):
        open_classifier(model)


def test_another_number_of_pixels_is_one_sentence() -> None:
    model = GaussianNB().fit(np.eye(16), np.arange(16) % 4)
    with pytest.raises(InputError, match=r"^expected --size 4x4 for input \[\?, 16\] of GaussianNB, got 5x5; leave it"):
        open_classifier(model, size=5)
