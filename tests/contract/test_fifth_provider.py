"""A fifth provider: one folder and one line, and the contract suite tests it, and fails on mistakes in it."""

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

# Mistakes as replacements in a file of the provider, each with the test that has to fail on it.
MISTAKES = {
    "an operation too many is declared": (
        "capability.py",
        "Capability(Operation.LIST_SESSIONS, Support.NATIVE),",
        "Capability(Operation.LIST_SESSIONS, Support.NATIVE), Capability(Operation.ADD_FIELD, Support.NATIVE),",
        "test_declared_operations_are_the_overridden_methods",
    ),
    "signing links stay in the payload": (
        "sessions.py",
        'person.pop("link", None)',
        'person.get("link", None)',
        "test_native_payload_is_json_without_signing_links",
    ),
    "the last page is forgotten": (
        "adapter.py",
        "end if page.rows and end < page.total else None",
        "None",
        "test_pages_have_every_session_once",
    ),
    "steps are not recorded": (
        "adapter.py",
        'await steps.record("session", key)',
        "pass",
        "test_creation_that_fails_at_any_call_is_compensated_completely",
    ),
    "writes are repeated blindly": (
        "client.py",
        'path("sessions"), json=body)',
        'path("sessions"), json=body, repeatable=True)',
        "test_no_call_of_creation_that_may_have_landed_is_sent_twice",
    ),
    "an unknown word is taken for an end": (
        "sessions.py",
        "STATUS.get(wire.state, SessionStatus.UNKNOWN)",
        "STATUS.get(wire.state, SessionStatus.FAILED)",
        "test_unmapped_status_is_unknown_and_its_word_is_kept",
    ),
    "the original is given for the result": (
        "adapter.py",
        "download = self.client.download_result if document.role is DocumentRole.SIGNED else self.client.download_file",
        "download = self.client.download_file",
        "test_signed_documents_download_and_verify",
    ),
}


def plant_toy(folder: Path) -> Path:
    """Copies the providers and this suite, and adds the toy as a provider: a folder and a line."""
    ignored = shutil.ignore_patterns("__pycache__", "test_fifth_provider.py", "toy")
    shutil.copytree(ROOT / "providers", folder / "providers", ignore=ignored)
    shutil.copytree(HERE, folder / "tests" / "contract", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(HERE / "toy", folder / "providers" / "toy")
    registry = folder / "providers" / "registry.py"
    text = registry.read_text()
    names = re.search(r"NAMES = \((.*)\)", text)
    registry.write_text(text.replace(names[1], f'{names[1]}, "toy"'))
    return folder


async def run_suite(folder: Path, *chosen: str) -> tuple[dict[str, int], str]:
    """Runs the suite of a copy for the toy; returns the counts of outcomes, and the output."""
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
    output = (await process.communicate())[0].decode()
    counts = re.findall(r"(\d+) (passed|failed|errors?|skipped|deselected)", output.splitlines()[-1])
    return {word: int(count) for count, word in counts}, output


@pytest.mark.servers
async def test_contract_suite_passes_for_provider_of_one_folder_and_one_line(tmp_path):
    counts, output = await run_suite(plant_toy(tmp_path), "toy")
    assert counts.get("passed", 0) >= FEWEST, output
    assert not {"failed", "error", "errors", "skipped"} & counts.keys(), output


@pytest.mark.servers
async def test_contract_suite_fails_on_each_mistake(tmp_path):
    folder = plant_toy(tmp_path)
    for name, before, after, _ in MISTAKES.values():
        file = folder / "providers" / "toy" / name
        text = file.read_text()
        assert text.count(before) == 1
        file.write_text(text.replace(before, after))
    tests = [test for *_, test in MISTAKES.values()]
    _, output = await run_suite(folder, f"toy and ({' or '.join(tests)})")
    failed = set(re.findall(r"^FAILED \S+::(\w+)\[(?:\w+-)?toy", output, flags=re.MULTILINE))
    assert failed == set(tests), output


def test_toy_is_not_shipped():
    assert not (ROOT / "providers" / "toy").exists()
    with pytest.raises(ModuleNotFoundError):
        __import__("providers.toy")
