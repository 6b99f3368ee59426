"""docs/architecture.md: every path, and every class and function behind one, exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"`((?:providers|gateway|schema|tests)/[\w/]+(?:\.py)?)/?`?", TEXT)))
PLACES = sorted(set(re.findall(r"`((?:providers|gateway|schema)/[\w/]+\.py):([\w.]+)`", TEXT)))


def defined(tree: ast.AST, inside: str = "") -> set[str]:
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found |= {inside + node.name, *defined(node, f"{inside}{node.name}.")}
    return found


@pytest.mark.parametrize("path", PATHS)
def test_path_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_function_that_is_named_is_defined_there(path: str, name: str) -> None:
    assert name in {
        each for full in defined(ast.parse((ROOT / path).read_text("utf-8"))) for each in (full, full.split(".")[-1])
    }
