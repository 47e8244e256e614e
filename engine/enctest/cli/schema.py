"""`enctest schema`: the JSON schema of `[tool.enctest]`, made from the definition of the settings."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from typing import Any

import msgspec

from enctest.config import DatabaseSettings, Settings

FILE = "enctest.schema.json"
"""Where the package has it, beside `config.py`."""
_TITLE = "Settings of enctest: [tool.enctest] of pyproject.toml"


def schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12."""
    found = msgspec.json.schema(Settings)
    definitions = found["$defs"]
    for settings in (Settings, DatabaseSettings):
        described = _descriptions(settings)
        for name, each in definitions[settings.__name__]["properties"].items():
            each["description"] = described[name]
    top = definitions.pop(Settings.__name__)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": _TITLE}
    return {
        **head,
        **{key: top[key] for key in top if key not in ("title", "required")},
        "$defs": definitions,
    }


def text() -> str:
    """Return the schema as it is published."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


def for_tool(_name: str = "enctest") -> dict[str, Any]:
    """Return the schema as `validate-pyproject` asks for it."""
    return schema()


def _descriptions(settings: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the docstring below each setting says, by its name in pyproject.toml."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(settings)))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    spelled = {field.name: field.encode_name for field in msgspec.structs.fields(settings)}
    found = {}
    for pair in itertools.pairwise(body):
        match pair:
            case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said)))):
                found[spelled[name]] = " ".join(said.split())
    return found
