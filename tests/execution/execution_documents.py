"""Documents of the tests: every string in their source that is a valid document of the schema."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from graphql import GraphQLError, OperationDefinitionNode, parse, validate

from schema import schema

_TESTS = Path(__file__).parents[1]
_STARTS = ("{", "query", "mutation", "subscription", "fragment")


@cache
def documents() -> list[tuple[str, str | None]]:
    """The documents of the tests, each with the names of its operations, or None where it has one."""
    found: dict[tuple[str, str | None], None] = {}
    for path in [*sorted((_TESTS.parent / "gateway" / "demo").glob("*.py")), *_modules()]:
        if path.parent == Path(__file__).parent:
            continue
        for text in _texts(path):
            for name in _operations(text):
                found[text, name] = None
    return list(found)


@cache
def _modules() -> tuple[Path, ...]:
    """The modules of the tests, without the many files that Node has installed beside them."""
    found: list[Path] = []
    for folder, inner, files in os.walk(_TESTS):
        inner[:] = [name for name in inner if name != "node_modules"]
        found += [Path(folder, name) for name in files if name.endswith(".py")]
    return tuple(sorted(found))


def _operations(text: str) -> list[str | None]:
    if not text.lstrip().startswith(_STARTS):
        return []
    try:
        document = parse(text)
    except (GraphQLError, RecursionError):
        return []
    if validate(schema._schema, document):
        return []
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return [None] if len(operations) == 1 else [each.name.value for each in operations if each.name]


def _texts(path: Path) -> Iterator[str]:
    """The strings of a module, with what it has put into them where that is known without running it."""
    tree = ast.parse(path.read_text())
    known = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            text = _joined(node, known)
            if text is not None:
                yield text


def _constants(tree: ast.Module) -> dict[str, str]:
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for each in node.names:
                value = _imported(node.module, each.name)
                if value is not None:
                    known[each.asname or each.name] = value
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                known[node.targets[0].id] = node.value.value
            elif isinstance(node.value, ast.JoinedStr) and (text := _joined(node.value, known)) is not None:
                known[node.targets[0].id] = text
    return known


@cache
def _imported(module: str, name: str) -> str | None:
    """A text that a module of the tests imports from another."""
    for path in _modules():
        if path.stem != module.rpartition(".")[2]:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
                return node.value.value if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else None
    return None


def _joined(node: ast.JoinedStr, known: dict[str, str]) -> str | None:
    parts: list[str] = []
    for each in node.values:
        if isinstance(each, ast.Constant):
            parts.append(str(each.value))
        elif isinstance(each, ast.FormattedValue) and isinstance(each.value, ast.Name) and each.value.id in known:
            parts.append(known[each.value.id])
        else:
            return None
    return "".join(parts)
