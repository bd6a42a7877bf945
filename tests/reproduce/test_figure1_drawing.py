import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from negatoscope.errors import InputError
from negatoscope.reports.figures import styled
from negatoscope.reproduce.figure1_drawing import Panel, PanelPrediction, draw_figure1

LONG = "End of no passing by vehicles over 3.5 metric tons"


def pair(channels: int, truth: str, prediction: str) -> list[Panel]:
    image = np.random.default_rng(channels).integers(0, 256, (channels, 28, 28), dtype=np.uint8)
    return [
        Panel(image, PanelPrediction(truth, truth, 0.99999)),
        Panel(255 - image, PanelPrediction(truth, prediction, 0.5432)),
    ]


DIGIT = pair(1, "7", "2")
SIGN = pair(3, LONG, "End of speed limit (80 km/h)")


def caption(axes: Axes) -> str:
    return "\n".join(text.get_text() for text in axes.texts)


def headings(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_pictures_are_shown_pixel_for_pixel() -> None:
    figure = draw_figure1([[*DIGIT, *SIGN]])
    for axes, panel in zip(figure.axes, [*DIGIT, *SIGN], strict=True):
        (shown,) = axes.images
        pixels = np.asarray(shown.get_array())
        assert np.array_equal(pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1), np.squeeze(panel.image))
        assert shown.get_interpolation() == "nearest"


def test_a_dim_picture_is_not_stretched_to_full_contrast() -> None:
    dim = Panel(np.full((1, 28, 28), 40, dtype=np.uint8), PanelPrediction("7", "7", 0.9))
    (shown,) = draw_figure1([[dim, dim]]).axes[0].images
    assert shown.get_clim() == (0, 255)


def test_correct_and_incorrect_predictions_differ_by_more_than_color() -> None:
    correct, misclassified = draw_figure1([DIGIT]).axes
    assert caption(correct) == "✓ 7\nconfidence >99.9 %"
    assert caption(misclassified) == "✗ 2\ntruth: 7\nconfidence 54.3 %"
    assert correct.texts[0].get_color() != misclassified.texts[0].get_color()


def test_full_confidence_is_shown_only_where_it_is_full() -> None:
    sure = Panel(DIGIT[0].image, PanelPrediction("7", "7", 1.0))
    assert caption(draw_figure1([[sure, sure]]).axes[0]).endswith("\nconfidence 100.0 %")


def test_groups_are_lettered_and_named() -> None:
    assert headings(draw_figure1([[*DIGIT, *SIGN]], groups=["MNIST", "GTSRB"])) == [
        "(a) MNIST",
        "image",
        "negative",
        "(b) GTSRB",
        "image",
        "negative",
    ]


def test_one_group_without_a_name_will_do() -> None:
    assert headings(draw_figure1([DIGIT])) == ["(a)", "image", "negative"]


def test_each_classifier_has_a_row_with_its_name() -> None:
    figure = draw_figure1([DIGIT, DIGIT, DIGIT], classifiers=["DNN", "Robust DNN (ε = 0.05)", "Robust DNN (ε = 0.1)"])
    assert len(figure.axes) == 6
    assert headings(figure)[:2] == ["DNN", "Robust DNN\n(ε\u00a0=\u00a00.05)"]
    bottoms = [axes.get_position().y0 for axes in figure.axes[::2]]
    assert bottoms == sorted(bottoms, reverse=True)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("row", [DIGIT, SIGN, [*DIGIT, *SIGN]])
def test_no_text_is_cut_off_or_covers_a_picture_or_another_text(rows: int, row: list[Panel]) -> None:
    groups = ["a dataset"] * (len(row) // 2)
    figure = draw_figure1([row] * rows, groups=groups, classifiers=["Robust DNN (ε = 0.05)"] * rows)
    with styled():
        FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
    pictures = [axes.bbox for axes in figure.axes]
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in [*boxes[:index], *boxes[index + 1 :], *pictures])


@pytest.mark.parametrize(
    ("panels", "lengths"), [([], "[]"), ([[]], "[0]"), ([DIGIT[:1]], "[1]"), ([DIGIT, [*DIGIT, *SIGN]], "[2, 4]")]
)
def test_rows_that_are_not_pairs_alike_are_an_error(panels: list[list[Panel]], lengths: str) -> None:
    with pytest.raises(InputError) as caught:
        draw_figure1(panels)
    assert str(caught.value).endswith(f"got rows of {lengths}")


def test_too_many_names_are_an_error() -> None:
    with pytest.raises(InputError, match="expected 1 names in groups, got 2"):
        draw_figure1([DIGIT], groups=["MNIST", "GTSRB"])
    with pytest.raises(InputError, match="expected 2 names in classifiers, got 1"):
        draw_figure1([DIGIT, DIGIT], classifiers=["DNN"])
