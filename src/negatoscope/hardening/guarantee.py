"""Whether a classifier in memory gives all images of an orbit the same prediction, whatever they show."""

from negatoscope.hardening.invariant_stem import has_stem
from negatoscope.hardening.wrapper import Wrapper, wrapper_of
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.transforms.groups import Group, resolve_group

UNKNOWN = "This is known for these images only"
_HOLDS = "It holds by construction for every 8-bit image"


def guarantee(classifier: ClassifierAdapter, group: Group) -> tuple[bool, str]:
    """Whether predictions are the same over the group whatever the weights and the image, and why or why not."""
    if wrapper := wrapper_of(classifier):
        return guarantee_of_wrapper(wrapper, group)
    if not has_stem(classifier):
        return False, f"{UNKNOWN}: {classifier.name} is behind no wrapper."
    if not set(group.elements) <= set(resolve_group("negative", channels=group.channels).elements):
        return False, f"{UNKNOWN}: the first layer of {classifier.name} is one for negative."
    return True, f"{_HOLDS}: the first layer of {classifier.name} gives the same numbers for it and for its negative."


def guarantee_of_wrapper(wrapper: Wrapper, group: Group) -> tuple[bool, str]:
    """Likewise of any classifier behind the wrapper."""
    if not wrapper.by_construction:
        return False, f"{UNKNOWN}: {wrapper.method} guarantees nothing."
    if not set(group.elements) <= set(wrapper.group.elements):
        return False, f"{UNKNOWN}: the wrapper is one for {wrapper.group.name}."
    return True, (
        f"{_HOLDS}: {wrapper.method} shows the classifier the same numbers for all members of an orbit under "
        f"{wrapper.group.name}."
    )
