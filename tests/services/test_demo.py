"""Demo: the scenario of the README, in a process of its own on its real ports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.servers
def test_every_step_of_demo_holds() -> None:
    command = [sys.executable, "-m", "gateway", "demo", "--once"]
    result = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Every step held" in result.stdout
