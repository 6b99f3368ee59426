"""Error codes: docs/errors.md lists every one that a client can receive, and whether to retry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.auth.refusal import CREDENTIALS_EXPIRED, UNAUTHENTICATED
from providers.errors import ProblemCode, SigningError, error_class

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+?) \| (yes|no) \| (.+?) \|$", re.MULTILINE)
CODE = re.compile(r"[A-Z]{3,}(_[A-Z]+)*")
PROBLEMS, ERRORS = (ROOT / "docs" / "errors.md").read_text("utf-8").split("## Codes that only errors have")


def listed(text: str) -> dict[str, bool]:
    return {code: retryable == "yes" for code, _, retryable, _ in ROW.findall(text)}


def error_classes(parent: type[SigningError] = SigningError) -> Iterator[type[SigningError]]:
    yield parent
    for each in parent.__subclasses__():
        yield from error_classes(each)


def codes_in_source() -> set[str]:
    """Literal codes of errors: values of a member named code, arguments of the functions that take one, constants of codes."""
    codes: set[str] = set()
    for path in [*(ROOT / "schema").rglob("*.py"), *(ROOT / "gateway").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                literals = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code"]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in {"_error_body", "ProblemResponse"}:
                literals = list(node.args)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and "_CODES" in ast.unparse(node).partition("=")[0]:
                literals = list(ast.walk(node.value)) if node.value else []
            else:
                continue
            values = (each.value for each in literals if isinstance(each, ast.Constant))
            codes.update(each for each in values if isinstance(each, str) and CODE.fullmatch(each))
    return codes


def test_every_problem_code_is_documented_with_its_retryability() -> None:
    assert listed(PROBLEMS) == {code.value: error_class(code).retryable for code in ProblemCode}


def test_every_error_code_is_documented() -> None:
    own = {each.error_code: each.retryable for each in error_classes() if each.error_code}
    assert listed(ERRORS).items() >= own.items()
    literals = codes_in_source() | {CREDENTIALS_EXPIRED, UNAUTHENTICATED, "INTERNAL"}
    assert {"BAD_REQUEST", "PERSISTED_QUERY_NOT_FOUND", "FORBIDDEN", "GRAPHQL_VALIDATION_FAILED"} <= literals, (
        "not found by the scan"
    )
    assert listed(PROBLEMS).keys() | listed(ERRORS).keys() == literals | own.keys() | {code.value for code in ProblemCode}
