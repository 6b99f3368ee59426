"""Outage log: a loop's first failure and its recovery are logged once each."""

from __future__ import annotations

import logging

import pytest

from gateway.telemetry.log_once import OutageLog

LOG = logging.getLogger("countersign.test")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_first_failure_and_recovery_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = OutageLog(LOG, "the log could not be read")
    for _ in range(3):
        with outage.log_and_continue():
            raise OSError
    assert told(caplog) == ["the log could not be read; it is tried again, and this is said once"]
    for _ in range(3):
        with outage.log_and_continue():
            pass
    assert told(caplog)[1:] == ["that is over: the log could not be read"]
    with outage.log_and_continue():
        raise OSError
    assert len(told(caplog)) == 3


def test_cancellation_is_not_suppressed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt), OutageLog(LOG, "nothing").log_and_continue():
        raise KeyboardInterrupt
    assert told(caplog) == []
