"""Which output of a classifier stands for which class of the data, where they are not the same."""

import difflib
from collections.abc import Sequence

from negatoscope.errors import InputError, expect
from negatoscope.stores import path_of


def read_class_map(
    text: str,
    *,
    classes: int,
    data_classes: int | None = None,
    class_names: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> tuple[int, ...]:
    """For each class of the data, which output it is.

    Args:
        text: "+1" or "-1": the output of a class is the next one or the one before, all around. "sorted": outputs
            follow the class numbers sorted as text (0, 1, 10, 11, 2, ...), as folders of numbers do. "names": the names
            of the data's classes are found among the classifier's own labels. Else a text file with a line for each
            output, where they are found.
        classes: How many outputs there are.
        data_classes: How many classes the data have, where that is known.
        class_names: What they are called.
        labels: What the classifier calls its outputs.

    Raises:
        InputError: The text is none of these, there is not a line for each output, or a name is not found or found
            twice.
    """
    if text in ("+1", "-1", "sorted"):
        data_classes = data_classes or len(class_names) or None
        if data_classes is None:
            raise InputError(f"expected data with a known number of classes for --class-map {text}")
        if text == "sorted":
            return tuple(map(sorted(range(data_classes), key=str).index, range(data_classes)))
        return tuple((label + int(text)) % data_classes for label in range(data_classes))
    if text == "names":
        return _by_name(class_names, labels, source=text)
    what = "--class-map to be 1..1000, 4,7,9, sorted, names or a text file"
    return _by_name(class_names, _lines(text, what=what, classes=classes), source=text)


def read_labels(path: str, *, classes: int) -> tuple[str, ...]:
    """What a classifier calls its outputs, from a text file with a line for each.

    Raises:
        InputError: It is no text, or has another number of lines.
    """
    what = f"a text file with the names of {classes} outputs"
    return tuple(line.strip() for line in _lines(path, what=what, classes=classes))


def _lines(path: str, *, what: str, classes: int) -> list[str]:
    try:
        lines = path_of(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"expected {what}, got {path!r}; correct it") from error
    expect(len(lines) == classes, f"a line for each of {classes} outputs in {path}", f"{len(lines)} lines")
    return lines


def _by_name(class_names: Sequence[str], labels: Sequence[str], *, source: str) -> tuple[int, ...]:
    """Each name's place among the labels; of a label such as "tench, Tinca tinca" each part is a name too."""
    places: dict[str, set[int]] = {}
    for place, label in enumerate(labels):
        for name in {_plain(label), *map(_plain, label.split(","))}:
            places.setdefault(name, set()).add(place)
    missing = "class names in the data" if labels else "labels of the outputs"
    expect(class_names and labels, f"{missing} for --class-map {source}", "none; give numbers instead")
    for name in class_names:
        n = len(places.get(_plain(name), ()))
        if n != 1:
            near = difflib.get_close_matches(_plain(name), places, n=1)
            hint = f"did you mean {near[0]!r}?" if near and n == 0 else "give numbers instead"
            raise InputError(f"expected the class {name!r} once among the labels of {source}, got it {n} times; {hint}")
    return tuple(min(places[_plain(name)]) for name in class_names)


def _plain(text: str) -> str:
    return text.strip().casefold().replace("_", " ")
