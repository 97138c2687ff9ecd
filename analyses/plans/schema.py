"""The JSON Schema of plans, rendered from what the parser reads: for editors, and for who writes plans by program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING
from inspect import getdoc
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, get_origin

from blinreg.analyses.plans.conditions import ORDERED
from blinreg.analyses.plans.entries import FOLLOW_UP_KEYS, LONGEST_VARIANT, NAME
from blinreg.analyses.plans.methods import METHODS
from blinreg.analyses.plans.methods.base import Method
from blinreg.analyses.plans.model import Headline, Study
from blinreg.analyses.plans.options import Declared, Role, declared_options, option_keys
from blinreg.analyses.plans.vocabulary import KnownVariable, endpoints, exposures, known_variables
from blinreg.schemas.model import Type

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Schema: TypeAlias = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NAME_PATTERN = f"^{NAME.pattern}$"
#: What keys mean that mean the same everywhere, unless a docstring says more.
_MEANS: Mapping[str, str] = MappingProxyType(
    {
        "name": "Name of the study: of its report, and of the shipped plan.",
        "title": "Heading in the report.",
        "endpoint": "What is waited for, and so from when time counts.",
        "conf_level": "Level of the intervals, as a share.",
        "missing": "Whether a missing value stops the analysis, or leaves its patient out, counted.",
        "conf_type": "Transformation on which the intervals are made.",
        "strata": "Variables whose levels are compared within and not between.",
        "ties": "How a Cox model takes events of one day.",
        "period": "Window in which an event began.",
    }
)
_PLAIN: Mapping[type, str] = MappingProxyType({str: "string", float: "number", int: "integer", bool: "boolean"})
_ATTRIBUTE = re.compile(r"^(?P<names>\w+(?:, \w+)*) : .*$")


def plan_schema() -> Schema:
    """Render the schema.

    Returns
    -------
    dict
        JSON Schema, draft 2020-12. A plan that the parser takes is valid; that names of the plan's own populations,
        variables and analyses exist, only the parser can say.

    Examples
    --------
    >>> plan_schema()["required"]
    ['study', 'analysis']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study plan of blinreg",
        "description": "Population, origin, endpoint, exposure, covariates and method of every analysis of a study.",
        **_object(
            {
                "study": {"$ref": "#/$defs/study"},
                "population": _named("Populations, each narrowed from one above it.", "#/$defs/population"),
                "variable": _named("Variables made from columns.", "#/$defs/derived_variable"),
                "headline": {"$ref": "#/$defs/headline"},
                "label": {"type": "object", "description": "Words for variables.", "additionalProperties": _TEXT},
                "words": {
                    "type": "object",
                    "description": "Words for levels, by variable.",
                    "additionalProperties": {"type": "object", "additionalProperties": _TEXT},
                },
                "analysis": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/analysis"}},
            },
            required=("study", "analysis"),
        ),
        "$defs": _definitions(),
    }


def _definitions() -> Schema:
    names = {
        "name": {"type": "string", "pattern": _NAME_PATTERN},
        "endpoint": {"enum": list(endpoints())},
        "exposure": {"enum": list(exposures())},
        "variable": {
            "description": "A column, an exposure (ever or never), or a variable of the plan; empty for none.",
            "anyOf": [{"enum": list(known_variables())}, {"type": "string", "pattern": f"{_NAME_PATTERN}|^$"}],
        },
    }
    methods = {f"method_{name}": _analysis(method) for name, method in METHODS.items()}
    variants = {f"variant_{name}": _variant(method) for name, method in METHODS.items()}
    return {
        **names,
        "study": _of_dataclass(Study) | {"description": "What the plan is about."},
        "headline": _of_dataclass(Headline) | {"description": "The analyses that answer the question of the study."},
        "population": _population(),
        "derived_variable": _derived_variable(),
        "conditions": _conditions(),
        "number_conditions": _number_conditions(),
        "analysis": {
            "type": "object",
            "required": ["name", "title", "method"],
            "properties": {"method": {"enum": list(METHODS)}},
            "allOf": [
                {
                    "if": {"properties": {"method": {"const": name}}, "required": ["method"]},
                    "then": {"$ref": f"#/$defs/method_{name}"},
                }
                for name in METHODS
            ],
        },
        **methods,
        **variants,
    }


def _population() -> Schema:
    return _object(
        {
            "title": _TEXT,
            "from": {"description": "Population that this one narrows; everybody by default.", **_ref("name")},
            "where": _ref("conditions"),
            "responder": {"type": "boolean", "description": "Only patients with a response."},
        },
        required=("title",),
    )


def _derived_variable() -> Schema:
    level = _object({"level": _TEXT, "where": {**_ref("conditions"), "minProperties": 1}}, required=("level", "where"))
    properties = {
        "label": _TEXT,
        "column": {"description": "Column of numbers that is divided by `per`.", "enum": _numeric_names()},
        "per": {"type": "number", "exclusiveMinimum": 0},
        "levels": {"type": "array", "minItems": 1, "items": level, "description": "The first that fits counts."},
    }
    either = {"oneOf": [{"required": ["column"]}, {"required": ["levels"]}]}
    return _object(properties, required=("label",)) | either


def _numeric_names() -> list[str]:
    return [name for name, known in known_variables().items() if _is_numeric(known)]


def _is_numeric(known: KnownVariable) -> bool:
    return known.column.type in (Type.INTEGER, Type.NUMBER)


def _conditions() -> Schema:
    properties = {}
    for name, known in known_variables().items():
        if _is_numeric(known):
            properties[name] = _ref("number_conditions")
        else:
            codes = list(known.column.codes)
            properties[name] = _object(_comparisons({"enum": codes} if codes else _TEXT))
    return _object(properties) | {"description": "All must hold; an unknown value holds nothing."}


def _number_conditions() -> Schema:
    number = {"type": "number"}
    return _object(_comparisons(number) | dict.fromkeys(ORDERED, number))


def _comparisons(value: Schema) -> Schema:
    return {"is": value, "is_not": value, "in": {"type": "array", "minItems": 1, "items": value}}


def _analysis(method: Method[Any]) -> Schema:
    """Render an analysis of one method: what is said of every analysis, and the options of the method."""
    options = _of_dataclass(method.options)
    common: Schema = {
        "name": {"description": "Name of its result files.", **_ref("name")},
        "title": {"description": _MEANS["title"], **_TEXT},
        "section": {"type": "string", "default": "Results", "description": "Section of the report."},
        "note": {"type": "string", "description": "Small print in the report."},
        "method": {"const": method.name},
        "beside": {"description": "Analysis next to which the report shows this one.", **_ref("name")},
        "core": {"type": "boolean", "default": False, "description": "Carried out by `blinreg run --core` too."},
        **_said_of_every_analysis(method),
        "variants": {
            "type": "object",
            "description": "The same analysis with other options, put beside it: a name and what is otherwise.",
            "propertyNames": {"pattern": r"\S", "maxLength": LONGEST_VARIANT},
            "additionalProperties": {"$ref": f"#/$defs/variant_{method.name}"},
        },
    }
    return _object(common | options["properties"], required=("name", "title", "method", *options.get("required", ())))


def _variant(method: Method[Any]) -> Schema:
    properties = _of_dataclass(method.options)["properties"]
    return _object(properties | _said_of_every_analysis(method)) | {"minProperties": 1}


def _said_of_every_analysis(method: Method[Any]) -> Schema:
    biased = {
        "type": "boolean",
        "default": False,
        "description": "It uses something before it is known, and the author knows. Variants do not inherit it.",
    }
    follow_up = {
        "entry": {"enum": ["", FOLLOW_UP_KEYS["entry"]], "description": "Delayed entry: at risk from registration on."},
        "censor_at": {"enum": ["", FOLLOW_UP_KEYS["censor_at"]], "description": "What ends follow-up early."},
    }
    return {"biased": biased, **(follow_up if "endpoint" in option_keys(method.options) else {})}


def _of_dataclass(options: type[DataclassInstance]) -> Schema:
    declared = declared_options(options)
    meanings = meanings_of(options)
    return _object(
        {one.name: _option(one, meanings.get(one.name) or _MEANS.get(one.name, "")) for one in declared},
        required=tuple(one.name for one in declared if one.default is MISSING),
    )


def _option(one: Declared, meaning: str) -> Schema:
    schema = _value(one)
    if meaning:
        schema["description"] = meaning
    if one.default is not MISSING and one.default is not None:
        schema["default"] = list(one.default) if isinstance(one.default, tuple) else one.default
    return schema


def _value(one: Declared) -> Schema:
    kind, origin = one.kind, get_origin(one.kind)
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin is tuple:
        limits = {} if one.length is None else {"minItems": one.length, "maxItems": one.length}
        return {"type": "array", "items": _item(get_args(kind)[0], one), **limits}
    if origin is not None:
        keys = {} if one.role is Role.PLAIN else {"propertyNames": _ref(_DEFINED[one.role])}
        return {"type": "object", **keys, "additionalProperties": _TEXT}
    return _item(kind, one)


_DEFINED: Mapping[Role, str] = MappingProxyType(
    {Role.POPULATION: "name", Role.ENDPOINT: "endpoint", Role.VARIABLE: "variable", Role.EXPOSURE: "exposure"}
)


def _item(kind: type, one: Declared) -> Schema:
    if one.role is not Role.PLAIN:
        return _ref(_DEFINED[one.role])
    limits = {"minimum": one.minimum, "maximum": one.maximum}
    return {"type": _PLAIN[kind], **{key: limit for key, limit in limits.items() if limit is not None}}


def meanings_of(documented: type) -> dict[str, str]:
    """Read what each attribute means from the docstrings of a dataclass and of those it extends.

    Examples
    --------
    >>> meanings_of(Headline)["term"]
    'The exposure.'
    """
    found: dict[str, str] = {}
    for one in reversed(documented.__mro__):
        names: list[str] = []
        for line in (getdoc(one) or "").partition("Attributes\n----------\n")[2].splitlines():
            head = _ATTRIBUTE.match(line)
            if head:
                names = head["names"].split(", ")
                found.update(dict.fromkeys(names, ""))
            elif line.startswith("    "):
                found.update({name: f"{found[name]} {line.strip()}".strip() for name in names})
    return {name: meaning for name, meaning in found.items() if meaning}


def _object(properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return schema | ({"required": list(required)} if required else {})


def _named(description: str, of: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "propertyNames": _ref("name"),
        "additionalProperties": {"$ref": of},
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
