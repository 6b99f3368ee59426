"""A fifth provider is one folder and one line, and this suite then tests it unasked."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FEWEST = 100

# What somebody could get wrong, as a replacement in the adapter, and the tests that must not let it pass.
MISTAKES = {
    "an operation too many is declared": (
        "Capability(Operation.LIST_SESSIONS, Support.NATIVE),",
        "Capability(Operation.LIST_SESSIONS, Support.NATIVE), Capability(Operation.ADD_FIELD, Support.NATIVE),",
        "test_declared_operations_are_the_overridden_verbs",
    ),
    "signing links stay in the payload": (
        'person.pop("link", None)',
        'person.get("link", None)',
        "test_the_native_payload_is_json_without_signing_links",
    ),
    "the last page is forgotten": (
        "end if page.rows and end < page.total else None",
        "None",
        "test_pages_neither_lose_a_session_nor_make_one_up",
    ),
    "steps are not recorded": (
        'await steps.record("session", key)',
        "pass",
        "test_a_creation_that_fails_at_any_call_leaves_nothing_once_it_is_undone",
    ),
    "writes are repeated blindly": (
        'path("sessions"), json=draft)',
        'path("sessions"), json=draft, repeatable=True)',
        "test_no_call_of_a_creation_that_may_have_landed_is_sent_twice",
    ),
    "an unknown word is taken for an end": (
        "STATUS.get(told.state, SessionStatus.UNKNOWN)",
        "STATUS.get(told.state, SessionStatus.FAILED)",
        "test_a_status_that_nobody_knows_is_unknown_and_kept",
    ),
    "the original is given for the result": (
        'name = "result" if document.role is DocumentRole.SIGNED else "file"',
        'name = "file"',
        "test_signed_documents_download_and_verify",
    ),
}


def planted(folder: Path) -> Path:
    """A copy of this tree's providers and suite with the toy added, as somebody would add it."""
    unwanted = shutil.ignore_patterns("__pycache__", "test_fifth_provider.py", "toy")
    shutil.copytree(ROOT / "providers", folder / "providers", ignore=unwanted)
    shutil.copytree(HERE, folder / "tests" / "contract", ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(HERE / "toy", folder / "providers" / "toy")
    registry = folder / "providers" / "registry.py"
    text = registry.read_text()
    names = re.search(r"NAMES = \((.*)\)", text)
    registry.write_text(text.replace(names[1], f'{names[1]}, "toy"'))
    return folder


async def suite(folder: Path, *chosen: str) -> tuple[dict[str, int], str]:
    """Runs the suite of a copy for the toy: how many passed, failed and so on, and all it said."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", "tests/contract", "-k", *chosen]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pytest",
        *options,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    counts = re.findall(r"(\d+) (passed|failed|errors?|skipped|deselected)", said.splitlines()[-1])
    return {word: int(count) for count, word in counts}, said


async def test_a_folder_and_a_line_are_all_it_takes(tmp_path):
    counts, said = await suite(planted(tmp_path), "toy")
    assert counts.get("passed", 0) >= FEWEST, said
    assert not {"failed", "error", "errors", "skipped"} & counts.keys(), said


async def test_the_suite_does_not_let_mistakes_pass(tmp_path):
    folder = planted(tmp_path)
    adapter = folder / "providers" / "toy" / "adapter.py"
    text = adapter.read_text()
    for before, after, _ in MISTAKES.values():
        assert text.count(before) == 1
        text = text.replace(before, after)
    adapter.write_text(text)
    tests = [test for _, _, test in MISTAKES.values()]
    _, said = await suite(folder, f"toy and ({' or '.join(tests)})")
    failed = set(re.findall(r"^FAILED \S+::(\w+)\[(?:\w+-)?toy", said, flags=re.MULTILINE))
    assert failed == set(tests), said


def test_the_toy_is_no_part_of_what_is_shipped():
    assert not (ROOT / "providers" / "toy").exists()
    with pytest.raises(ModuleNotFoundError):
        __import__("providers.toy")
