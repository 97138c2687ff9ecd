"""Write the JSON Schema of plans and the page of their options: ``make render``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from blinreg.analyses.plans.methods import METHODS
from blinreg.analyses.plans.options import option_keys
from blinreg.analyses.plans.schema import plan_schema
from blinreg.analyses.plans.vocabulary import endpoints, exposures

_HEAD = """# Options of a plan

<!-- Rendered from the options that the methods declare. Change those, then run `make render`. -->

The keys of an `[[analysis]]` by method; how to write a plan is in [plans.md](plans.md), and the same as a JSON Schema
in [plan_schema.json](plan_schema.json). Every analysis also has `name`, `title` and `method`, and may have `section`,
`note`, `beside`, `core`, `biased` and `[analysis.variants]`; one with an endpoint may have `entry` and `censor_at`.
"""


def schema_text() -> str:
    """Write the schema as the text of its file."""
    return json.dumps(plan_schema(), indent=1, ensure_ascii=False) + "\n"


def options_page() -> str:
    """Render the page of options.

    Returns
    -------
    str
        Markdown: a table a method, then endpoints and exposures.
    """
    definitions = plan_schema()["$defs"]
    parts = [_HEAD]
    for name, method in METHODS.items():
        schema = definitions[f"method_{name}"]
        parts.append(f"\n## {name}\n\n| key | value | default | meaning |\n|---|---|---|---|\n")
        parts += [_row(key, schema["properties"][key], schema["required"]) for key in option_keys(method.options)]
    parts.append(_codes("Endpoints", endpoints()))
    parts.append(_codes("Exposures", exposures()))
    return "".join(parts)


def _row(key: str, schema: Mapping[str, Any], required: list[str]) -> str:
    if key in required:
        default = "required"
    else:
        given = schema.get("default")
        default = f"`{json.dumps(given, ensure_ascii=False)}`" if given not in (None, "", []) else ""
    return f"| `{key}` | {_value(schema)} | {default} | {schema['description']} |\n"


def _value(schema: Mapping[str, Any]) -> str:
    """Say what may stand for a key."""
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "$ref" in schema:
        kind = str(schema["$ref"]).rpartition("/")[2]
        return {"name": "population"}.get(kind, kind)
    if schema["type"] == "array":
        length = f"{schema['minItems']} " if "minItems" in schema else ""
        kind, _, limit = _value(schema["items"]).partition(", ")
        return f"list of {length}{kind}s" + (f", each {limit}" if limit else "")
    if schema["type"] == "object":
        return "table of texts"
    limits = [f"at least {schema['minimum']:g}"] if "minimum" in schema else []
    limits += [f"at most {schema['maximum']:g}"] if "maximum" in schema else []
    kind = {"string": "text", "boolean": "true or false"}.get(schema["type"], schema["type"])
    return ", ".join([kind, *limits])


def _codes(title: str, codes: Mapping[str, str]) -> str:
    rows = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in codes.items())
    return f"\n## {title}\n\n| name | meaning |\n|---|---|\n{rows}"


#: Files in the tree, from its top folder, and what renders them.
RENDERED: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"docs/plan_schema.json": schema_text, "docs/plan_options.md": options_page}
)


if __name__ == "__main__":
    for path, render in RENDERED.items():
        Path(path).write_text(render(), encoding="utf-8", newline="\n")
