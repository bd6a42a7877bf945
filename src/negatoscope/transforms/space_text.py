"""How a stage of a space is written: as a transform's spec with ranges, `hue_shift(degrees=-180..180)`."""

import math
import re
from collections.abc import Iterable, Mapping
from functools import partial
from inspect import Parameter
from typing import Any, Literal, get_args, get_origin

from negatoscope.descriptions import literal_type, range_of, takes_tensors
from negatoscope.errors import SpecError, expect
from negatoscope.registry import Spec, parse_spec
from negatoscope.transforms import TRANSFORMS, TransformFacts, describe_transform
from negatoscope.transforms.groups import GROUPS, Group, resolve_group
from negatoscope.transforms.per_image import PerImage
from negatoscope.transforms.stages import Dimension, Stage
from negatoscope.types import Images

_RANGE = re.compile(r"=\s*([^\s,()='\"\[\]]*)\s*\.\.\s*([^\s,()='\"\[\]]*)")
_MARK = ".."
ELEMENT = "element"
"""What a group's setting is called: `color_cube(element=..)` is every element of the group."""


def read_stage(text: str, *, place: int, channels: int) -> Stage:
    """The stage that a spec with ranges is.

    Args:
        text: Such as "translation(right=-0.1..0.1, down=0.05)".
        place: How many stages come before.
        channels: Of the images.

    Raises:
        SpecError: A name is unknown, or a range has no numbers, or its ends are in the wrong order.
        SpecError: The transform is of color, and the images are gray.
        InputError: A range is outside of what the transform takes.
    """
    marked = _marked(text)
    if ELEMENT in marked.arguments and marked.name in GROUPS.names():
        return _of_group(text, marked, place=place, channels=channels)
    settings = TRANSFORMS.settings(marked.name)
    searched = {
        name: _dimension(place, marked.name, name, value, settings[name].annotation)
        for name, value in ((name, marked.arguments.get(name)) for name in settings)
        if isinstance(value, list)
    }
    low, _ = (_at_end(marked, searched, end) for end in ("low", "high"))
    expect(
        not low.color or channels != 1, f"color images for {marked.name}", "gray ones; give images in color", SpecError
    )
    fixed = {name: value for name, value in low.spec.arguments.items() if name not in searched}
    return Stage(
        function=TRANSFORMS.get(marked.name),
        write=partial(_written, marked.name, _defaults(settings)),
        text=_text(marked.name, settings, fixed, searched),
        dimensions=tuple(searched.values()),
        fixed=fixed,
        per_image=frozenset(name for name in searched if takes_tensors(settings[name].annotation)),
        identity=_has_identity(low, searched),
        color=low.color,
        kind=low.kind,
    )


def _marked(text: str) -> Spec:
    """The spec in which a range is a list: "..", and its two ends as they are written."""
    try:
        return parse_spec(_RANGE.sub(r"=['..', '\1', '\2']", text))
    except SpecError:
        expected = "expected a transform with ranges such as gamma(exponent=0.5..2)"
        raise SpecError(f"{expected}, got {text!r:.80}") from None


def _at_end(marked: Spec, searched: Mapping[str, Dimension], end: str) -> TransformFacts:
    """The transform at the "low" or "high" end of its ranges, which refuses what is outside of what it takes."""
    literals = {name: each.literal(getattr(each, end)) for name, each in searched.items()}
    return describe_transform(str(Spec(marked.name, {**marked.arguments, **literals})))


def _of_group(text: str, marked: Spec, *, place: int, channels: int) -> Stage:
    """A group whose element is searched."""
    only = [*marked.arguments] == [ELEMENT] and marked.arguments[ELEMENT] == [_MARK, "", ""]
    expect(only, f"a group as {marked.name}({ELEMENT}=..)", repr(text), SpecError)
    group = resolve_group(marked.name, channels=channels)
    elements = tuple(map(str, group.elements))
    return Stage(
        function=partial(_under_elements, group),
        write=_element_of,
        text=f"{marked.name}({ELEMENT}=..)",
        dimensions=(Dimension(place, ELEMENT, 0, len(elements) - 1, identity=0, choices=elements),),
        per_image=frozenset([ELEMENT]),
        identity=True,
    )


def _element_of(arguments: Mapping[str, object]) -> str:
    return str(arguments[ELEMENT])


def _under_elements(group: Group, images: Images, *, element: PerImage) -> Images:
    return group.apply(images, element.long())


def _dimension(place: int, transform: str, name: str, value: list[Any], annotation: Any) -> Dimension:
    """The dimension that a range or a list of choices is."""
    kind, what = literal_type(annotation), f"{name} of {transform}"
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
        chosen = allowed if value == [_MARK, "", ""] else tuple(value)
        fine = all(choice in allowed for choice in chosen) and len(set(chosen)) == len(chosen) > 1
        got = "..".join(value[1:]) if value[:1] == [_MARK] else value
        expect(fine, f"{what} as {name}=.. or a list of {', '.join(map(repr, allowed))}", got, SpecError)
        return Dimension(place, name, 0, len(chosen) - 1, choices=chosen)
    expect(kind in (int, float) and value[:1] == [_MARK], f"a range or a value as {what}", repr(value), SpecError)
    range = range_of(annotation)
    hint = f"{name}={range.low:g}..{range.high:g}" if range else f"{name}=0..1"
    low, high = (_number(end, what, hint) for end in value[1:])
    expect(low < high, f"{what} from a smaller to a larger number", f"{low:g}..{high:g}", SpecError)
    whole = kind is int
    expect(not whole or low % 1 == high % 1 == 0, f"whole numbers around .. in {what}", f"{low:g}..{high:g}", SpecError)
    identity = range.identity if range and range.identity is not None and low <= range.identity <= high else None
    circular = range is not None and range.circular and high - low == range.high - range.low
    return Dimension(place, name, low, high, identity=identity, whole=whole, circular=circular)


def _number(end: str, what: str, hint: str) -> float:
    try:
        number = float(end) if end[:1] != "." and end[-1:] != "." else math.nan  # three dots in a row are a slip
    except ValueError:
        number = math.nan
    expect(math.isfinite(number), f"numbers around .. in {what}", f"{end!r}; write {hint}", SpecError)
    return number


def _has_identity(facts: TransformFacts, searched: Mapping[str, Dimension]) -> bool:
    """Whether every setting that can change something is searched around its identity, or fixed there."""
    given = {**_defaults(TRANSFORMS.settings(facts.spec.name)), **facts.spec.arguments}
    there = [
        searched[name].identity is not None if name in searched else given[name] == value
        for name, value in facts.identity.items()
    ]
    return bool(there) and all(there)


def _written(name: str, defaults: Mapping[str, object], arguments: Mapping[str, object]) -> str:
    """The canonical spec of a transform: arguments in the order of its signature, without those at their default."""
    listed = {key: arguments[key] for key in defaults if key in arguments}
    return str(Spec(name, {key: value for key, value in listed.items() if value != defaults[key]}))


def _text(name: str, settings: Iterable[str], fixed: Mapping[str, object], searched: Mapping[str, Dimension]) -> str:
    texts = {key: repr(value) for key, value in fixed.items()} | {key: _range(each) for key, each in searched.items()}
    return f"{name}({', '.join(f'{key}={texts[key]}' for key in settings if key in texts)})" if texts else name


def _range(dimension: Dimension) -> str:
    if dimension.choices:
        return repr([*dimension.choices])
    return "..".join(repr(float(end)).removesuffix(".0") for end in (dimension.low, dimension.high))


def _defaults(settings: Mapping[str, Parameter]) -> dict[str, Any]:
    """The default of each setting, `Parameter.empty` where there is none."""
    return {name: parameter.default for name, parameter in settings.items()}
