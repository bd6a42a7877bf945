"""Pages of the documents on disk: each JSON Schema as readable tables."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_site.docstrings import cell


def schema_pages(folder: Path) -> dict[str, str]:
    """A page for each schema of a folder, by the schema's place in the repository."""
    return {
        f"docs/schemas/{file.name}": "\n".join(_page(file.stem, json.loads(file.read_text(encoding="utf-8"))))
        for file in sorted(folder.glob("*.json"))
    }


def _page(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"# {name}", "")
    yield from _object(schema)
    for title, definition in schema.get("$defs", {}).items():
        yield from (f"## {title}", "")
        yield from _object(definition)
    yield from ("", f"[The schema itself]({name}.json?raw) is for programs.", "")


def _object(schema: dict[str, Any]) -> Iterator[str]:
    yield from (schema.get("description", ""), "")
    if "properties" not in schema:
        yield from (f"This is {_type(schema)}.", "")
        return
    yield from ("| field | type | what it is |", "|---|---|---|")
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        default = "" if name in required else f"Default: `{json.dumps(field.get('default'))}`."
        meaning = " ".join(filter(None, [field.get("description", ""), default]))
        yield f"| `{name}` | {cell(_type(field))} | {cell(meaning)} |"
    yield ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if "prefixItems" in schema:
        return f"list of {', '.join(map(_type, schema['prefixItems']))}"
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object":
        return f"object of {_type(schema.get('additionalProperties', {}))}"
    return str(kind)
