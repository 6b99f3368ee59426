"""Control API of a sandbox: plays the people and injects faults over HTTP."""

from __future__ import annotations

import httpx
import pytest

from providers.model import SessionKind, SessionStatus

SIGNS = pytest.mark.needs("CREATE_SESSION", where=lambda can: can.session_kind is SessionKind.SIGNING)


@pytest.fixture
async def control(subject):
    async with httpx.AsyncClient(base_url=f"{subject.url}/_sandbox/") as client:
        yield client


@pytest.mark.needs("CREATE_SESSION")
async def test_control_api_signs_for_every_participant(subject, control):
    made = await subject.make()
    for key in made.parts or (made.key,):
        assert (await control.post(f"sessions/{key}/sign", json={})).status_code == 200
    assert (await subject.settle(made)).status is SessionStatus.COMPLETED


@pytest.mark.needs("CREATE_SESSION")
async def test_simulated_people_sign_by_themselves_when_auto_is_on(subject, control):
    await control.post("people", json={"auto": True, "delay_ms": 10})
    made = await subject.make()
    for _ in range(300):
        if (made := await subject.adapter.fetch_session(made.key, made)).final:
            break
        await subject.clock.sleep(0.5)
    assert made.status is SessionStatus.COMPLETED


@SIGNS
async def test_control_api_declines_and_expires_sessions(subject, control):
    for act, status in (("decline", SessionStatus.DECLINED), ("expire", SessionStatus.EXPIRED)):
        made = await subject.make(subject.order(people=1))
        assert (await control.post(f"sessions/{made.key}/{act}", json={})).status_code == 200
        assert (await subject.settle(made)).status is status


@SIGNS
async def test_control_api_answers_409_when_participant_cannot_act(subject, control):
    made = await subject.make(subject.order(people=1))
    await control.post(f"sessions/{made.key}/sign", json={})
    assert (await control.post(f"sessions/{made.key}/sign", json={})).status_code == 409
    assert (await control.post(f"sessions/{made.key}/decline", json={})).status_code == 409


async def test_control_api_refuses_invalid_requests_and_records_no_call(subject, control):
    heard = len(subject.sandbox.calls)
    assert (await control.post("sessions/no-such-session/sign", json={})).status_code in {404, 409}
    assert (await control.post("sessions/no-such-session/dance", json={})).status_code == 404
    assert (await control.post("faults", json={"kind": "earthquake"})).status_code == 400
    assert (await control.post("faults", json={"no_such_key": 1})).status_code == 400
    assert (await control.post("people", content=b"no json")).status_code == 400
    assert (await control.get("no-such-thing")).status_code == 404
    assert len(subject.sandbox.calls) == heard


async def test_control_api_lists_and_clears_faults_and_calls(subject, control):
    made = await subject.make()
    await control.post("faults", json={"status": 500, "count": 1000})
    await control.delete("faults")
    heard = len((await control.get("calls")).json())
    await subject.adapter.fetch_session(made.key, made)
    calls = (await control.get("calls")).json()[heard:]
    assert calls
    assert {call["status"] for call in calls} <= {200, 201, 204}
    keys = {session["key"] for session in (await control.get("sessions")).json()}
    assert keys >= set(made.parts or (made.key,))


async def test_unknown_path_is_answered_by_simulated_provider(subject, control):
    assert (await control.get(f"{subject.url}/no/such/path")).status_code in {401, 404}
