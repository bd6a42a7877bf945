"""Mutations of real files: bytes, texts, and what lies inside of containers, packed again so that it is read."""

import gzip
import io
import json
import math
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from random import Random
from typing import Literal

Mutation = Callable[[bytes, Random], bytes]

ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
NUMBERS = ("9" * 400, "-1", "0", "1e400", "nan", '"x"', "true", "[]", "{}", "null", "1.5", "1e308", "2147483648")
VALUES: tuple[object, ...] = (None, 0, -1, 1.5, 10**30, "", "x" * 5000, [], {}, True, "../x", [[]], math.nan)
WORDS = ('""', "1", "[]", "{}", "null", "true", '"' + "a" * 5000 + '"', '"\\u0000"', '"\\ud800"', '"../../x"', '"é💥"')
INSERTED = ("\0", "}", "]", "=", '"', "é", "[[", "9" * 400, "\n", "\ud800", "(", ",", "..", "#", "'", "\\", "%s", "|")
NAMES = ("../escaped.png", "/escaped.png", "a/" * 300 + "b.png", "", "\udcff", "0/0.png", "a" * 60_000)
WHOLE = ("", "[]", "schema = 2", '{"schema": 2}', "[" * 100_000, '{"a":' * 5000, "\0" * 100)


def mutate_bytes(content: bytes, choose: Random) -> bytes:
    """One to four changes anywhere: bits, bytes, extreme integers, parts cut, doubled, cleared or moved."""
    data = bytearray(content)
    for _ in range(choose.choice((1, 1, 1, 2, 4))):
        _change(data, choose)
    return bytes(data)


def _change(data: bytearray, choose: Random) -> None:
    near_an_end = choose.random() < 0.5  # where headers and tables of contents are
    last = min(len(data), 512) if near_an_end else len(data)
    at = choose.randrange(last + 1)
    at = len(data) - at if near_an_end and choose.random() < 0.5 else at
    to = min(len(data), at + choose.choice((1, 2, 4, 8, 16, 256, 4096)))
    what = choose.randrange(8)
    if what == 0:
        del data[at:]
    elif what == 1:
        del data[at:to]
    elif what == 2:
        data[at:at] = data[at:to]
    elif what == 3:
        data[at:to] = bytes(to - at)
    elif what == 4:
        width, order = choose.choice((1, 2, 4, 8)), choose.choice(ORDERS)
        data[at : at + width] = (choose.choice(INTEGERS) % 256**width).to_bytes(width, order)
    elif what == 5:
        data[at:at] = choose.randbytes(choose.choice((1, 4, 64)))
    elif what == 6:
        data[at:to] = choose.randbytes(to - at)
    elif at < len(data):
        data[at] ^= 1 << choose.randrange(8)


def mutate_text(content: bytes, choose: Random) -> bytes:
    """A change as a slip of a hand or another program makes it: of a number, a word, a line, a sign."""
    text = content.decode(errors="replace")
    at = choose.randrange(len(text) + 1)
    line = choose.choice(text.splitlines(keepends=True) or [""])
    changed = (
        lambda: text[:at],
        lambda: text[:at] + choose.choice(INSERTED) + text[at:],
        lambda: text.replace(line, "", 1),
        lambda: text.replace(line, line * 2, 1),
        lambda: _replaced(r"-?\d+(\.\d+)?(?![\w\"-])", text, choose.choice(NUMBERS), choose),
        lambda: _replaced(r"-?\d+(\.\d+)?(?![\w\"-])", text, choose.choice(NUMBERS), choose),
        lambda: _replaced(r'"[^"\n]*"', text, choose.choice(WORDS), choose),
        lambda: _replaced(r'"[^"\n]*"', text, choose.choice(WORDS), choose),
        lambda: choose.choice(WHOLE),
    )
    return choose.choice(changed)().encode(errors="surrogatepass")


def _replaced(pattern: str, text: str, other: str, choose: Random) -> str:
    spans = [match.span() for match in re.finditer(pattern, text)]
    start, end = choose.choice(spans or [(0, 0)])
    return text[:start] + other + text[end:]


def either(*mutations: Mutation) -> Mutation:
    """One of them, each as often."""
    return lambda content, choose: choose.choice(mutations)(content, choose)


def in_gzip(inner: Mutation) -> Mutation:
    """A mutation of what gzip holds."""
    return lambda content, choose: gzip.compress(inner(gzip.decompress(content), choose), 1, mtime=0)


def in_zip(inner: Mutation) -> Mutation:
    """A mutation of one member of a zip, whose checksums fit it; or of a member's name."""

    def mutate(content: bytes, choose: Random) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
            at = choose.randrange(len(old.infolist()))
            for index, info in enumerate(old.infolist()):
                data, name = old.read(info), info.filename
                if index == at and choose.random() < 0.15:
                    name = choose.choice(NAMES)
                elif index == at:
                    data = inner(data, choose)
                new.writestr(zipfile.ZipInfo(name.encode(errors="replace").decode()), data)
        return stream.getvalue()

    return mutate


def in_tar(inner: Mutation) -> Mutation:
    """A mutation of one member of a tar, whose header fits it; or one that is a link or a device instead."""

    def mutate(content: bytes, choose: Random) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=stream, mode="w") as new:
            members = old.getmembers()
            at = choose.randrange(len(members))
            for index, info in enumerate(members):
                data = old.extractfile(info).read()  # type: ignore[union-attr]
                if index == at and choose.random() < 0.25:
                    info.type = choose.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE))
                    info.linkname, info.size, data = choose.choice(("/etc/passwd", "../../x", info.name)), 0, b""
                elif index == at:
                    data = inner(data, choose)
                    info.size = len(data)
                new.addfile(info, io.BytesIO(data))
        return stream.getvalue()

    return mutate


def in_safetensors(content: bytes, choose: Random) -> bytes:
    """A mutation of the header of safetensors, whose length fits it."""
    length = int.from_bytes(content[:8], "little")
    header = mutate_text(content[8 : 8 + length], choose)
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def in_onnx(content: bytes, choose: Random) -> bytes:
    """A mutation of a field of an ONNX graph: a name, a shape, a type, an operator, an attribute."""
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    node, weight = choose.choice(graph.node), choose.choice(graph.initializer)
    value = choose.choice((graph.input, graph.output))[0].type.tensor_type
    number = choose.choice((-1, 0, 1, 2, 3, 27, 28, 43, 10**6, 2**40, -(2**63)))
    changes = (
        lambda: setattr(node, "op_type", choose.choice(("Loop", "Relu", "Reshape", "Conv", "Nothing", "Flatten", ""))),
        lambda: setattr(node, "domain", choose.choice(("com.microsoft", "x", "ai.onnx.ml"))),
        lambda: node.input.append(choose.choice((weight.name, "absent", ""))),
        lambda: node.output.append(choose.choice((weight.name, "logits", "more"))),
        lambda: setattr(weight, "data_type", choose.randrange(24)),
        lambda: weight.dims.append(number),
        lambda: weight.dims.__setitem__(0, number) if weight.dims else None,
        lambda: setattr(weight, "raw_data", mutate_bytes(weight.raw_data, choose)),
        lambda: setattr(value, "elem_type", choose.randrange(24)),
        lambda: setattr(choose.choice(value.shape.dim), "dim_value", number),
        lambda: value.shape.dim.add(dim_value=number),
        lambda: setattr(model, "ir_version", number % 2**31),
        lambda: setattr(model.opset_import[0], "version", number),
        lambda: graph.node.extend([node]),
        lambda: graph.ClearField(choose.choice(("node", "input", "output", "initializer"))),
    )
    choose.choice(changes)()
    return bytes(model.SerializeToString())


def in_json(content: bytes, choose: Random) -> bytes:
    """A mutation of JSON that stays JSON: one value becomes another one, or goes."""
    document = json.loads(content)
    places: list[tuple[dict[str, object] | list[object], str | int]] = []
    _collect(document, places)
    if not places:
        return mutate_text(content, choose)
    holder, key = choose.choice(places)
    if choose.random() < 0.2:
        del holder[key]  # type: ignore[arg-type]
    else:
        holder[key] = choose.choice(VALUES)  # type: ignore[index]
    return json.dumps(document).encode()


def _collect(node: object, places: list[tuple[dict[str, object] | list[object], str | int]]) -> None:
    if isinstance(node, dict | list):
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            places.append((node, key))
            _collect(value, places)
