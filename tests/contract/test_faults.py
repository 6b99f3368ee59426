"""Fault injection: each fault raises the error that tells what to do about it."""

from __future__ import annotations

import orders
import pytest
from pydantic import SecretStr

from providers.errors import (
    AuthorizationRequired,
    Busy,
    Conflict,
    Forbidden,
    InDoubt,
    Misbehaved,
    NotFound,
    ProviderError,
    Refused,
    SigningError,
    TimedOut,
    Unavailable,
)
from providers.http.circuit_breaker import CircuitState
from providers.http.http1.transport import Http1Transport
from providers.http.retry import MAX_ATTEMPTS
from providers.model import ParticipantStatus, SessionKind, SessionStatus
from providers.registry import load, load_sandbox

HAS_STATUS = pytest.mark.needs("CREATE_SESSION", where=lambda can: can.session_kind is not SessionKind.RECORD)
STRANGE = "LEVITATING"

READ_FAULTS = {
    "401": ({"status": 401}, {AuthorizationRequired}, 1),
    "403": ({"status": 403}, {Refused, AuthorizationRequired}, 1),
    # A store that answers in plain text says that the address is wrong, not that the record is.
    "404": ({"status": 404}, {NotFound, Misbehaved}, 1),
    "409": ({"status": 409}, {Conflict}, 1),
    "429": ({"status": 429, "headers": {"retry-after": "7"}}, {Busy}, MAX_ATTEMPTS),
    "500": ({"status": 500}, {Unavailable}, MAX_ATTEMPTS),
    "502 html": ({"status": 502, "kind": "html"}, {Unavailable}, MAX_ATTEMPTS),
    "503": ({"status": 503}, {Unavailable}, MAX_ATTEMPTS),
    "302": ({"status": 302, "kind": "empty", "headers": {"location": "/elsewhere"}}, {Misbehaved}, 1),
    "html": ({"kind": "html"}, {Misbehaved}, 1),
    "empty": ({"kind": "empty"}, {Misbehaved}, 1),
    "truncate": ({"kind": "truncate"}, {Unavailable}, MAX_ATTEMPTS),
    "reset": ({"kind": "reset"}, {Unavailable}, MAX_ATTEMPTS),
}


@pytest.fixture(params=["http1", "httpx"])
def transport(request: pytest.FixtureRequest) -> str:
    """Runs this module over every transport."""
    name: str = request.param
    return name


def check(subject, error):
    """Checks an error of a provider: its fields, and that it quotes nothing private."""
    assert isinstance(error, SigningError)
    assert not isinstance(error, Forbidden), "that is for the gateway to say"
    assert error.provider == subject.settings.name
    told = f"{error} {error!r} {error.detail} {error.provider_code} {error.path}"
    assert not [word for word in private(subject) if word in told]
    assert len(str(error)) > len("refused")
    assert "Traceback" not in told
    assert "<html>" not in told


def private(subject):
    return [*orders.PRIVATE, *(secret.get_secret_value() for secret in subject.settings.secrets())]


@pytest.mark.parametrize("case", READ_FAULTS)
async def test_read_raises_the_error_of_its_fault(subject, case):
    fault, expected, attempts = READ_FAULTS[case]
    made = await subject.make()
    await subject.break_next(method="GET", count=1000, **fault)
    heard = len(subject.sandbox.calls)
    with pytest.raises(SigningError) as caught:
        await subject.adapter.fetch_session(made.key, made)
    assert type(caught.value) in expected
    check(subject, caught.value)
    calls = [call.path for call in subject.calls_since(heard) if call.method == "GET"]
    # A renewed token is one more try, and some sessions are read from several places.
    most = attempts + 1 if case in {"401", "404"} else attempts
    assert max(calls.count(path) for path in calls) <= most
    if attempts > 1:
        assert max(calls.count(path) for path in calls) == attempts
    if case == "429":
        assert caught.value.retry_after == 7
        assert set(subject.clock.slept[-2:]) == {7.0}
    subject.sandbox.faults.clear()
    subject.clock.ahead += 60
    assert (await subject.adapter.fetch_session(made.key, made)).ref == made.ref
    assert subject.adapter.health.last_error is None


@pytest.mark.parametrize("changes", [{"timeout": 0.3}])
async def test_read_times_out_when_provider_is_slow(subject, changes):
    made = await subject.make()
    await subject.break_next(method="GET", count=1000, delay_ms=500)
    with pytest.raises(TimedOut) as caught:
        await subject.adapter.fetch_session(made.key, made)
    check(subject, caught.value)


async def test_read_is_retried_when_it_fails_once(subject):
    made = await subject.make()
    for fault in ({"status": 500}, {"kind": "reset"}, {"status": 429}, {"kind": "truncate"}):
        await subject.break_next(method="GET", **fault)
        assert (await subject.adapter.fetch_session(made.key, made)).ref == made.ref


@pytest.mark.needs("LIST_SESSIONS")
@pytest.mark.parametrize("case", ["401", "429", "500", "html", "empty", "truncate", "reset"])
async def test_list_raises_the_error_of_its_fault(subject, case):
    fault, expected, _ = READ_FAULTS[case]
    await subject.make()
    await subject.break_next(method="GET", count=1000, **fault)
    with pytest.raises(SigningError) as caught:
        await subject.adapter.list_sessions(0, 10)
    assert type(caught.value) in expected
    check(subject, caught.value)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 401}, {AuthorizationRequired}),
        ({"status": 403}, {Refused, AuthorizationRequired}),
        ({"status": 429, "headers": {"retry-after": "7"}}, {Busy}),
        ({"status": 500}, {Unavailable}),
    ],
    ids=lambda value: str(value.get("status")) if isinstance(value, dict) else "",
)
async def test_write_raises_refusal_with_detail(subject, fault, expected):
    await subject.make()
    await subject.break_next(method="POST", count=1000, **fault)
    with pytest.raises(SigningError) as caught:
        await subject.make()
    assert type(caught.value) in expected
    check(subject, caught.value)


@pytest.mark.parametrize("kind_of_answer", ["html", "empty"])
async def test_write_is_in_doubt_or_read_back_when_answer_is_unreadable(subject, kind_of_answer):
    first = await subject.make()
    await subject.break_next(method="POST", count=1, kind=kind_of_answer)
    heard = len(subject.sandbox.calls)
    with pytest.raises(SigningError) as caught:
        await subject.make()
    assert isinstance(caught.value, InDoubt | ProviderError | NotFound)
    assert not isinstance(caught.value, Unavailable), "nobody may take it for undone"
    check(subject, caught.value)
    assert len({call.path for call in subject.calls_since(heard)}) >= 1
    assert (await subject.adapter.fetch_session(first.key, first)).ref == first.ref


@pytest.mark.needs("CANCEL_SESSION")
@pytest.mark.parametrize("silence", ["reset", "lost"])
async def test_cancellation_is_read_back_or_in_doubt_when_answer_is_lost(subject, silence):
    made = await subject.make()
    for method in ("POST", "DELETE", "PUT"):
        await subject.break_next(method=method, kind=silence)
    try:
        canceled = await subject.adapter.cancel_session(made, "The field was sold.")
    except InDoubt as error:
        check(subject, error)
    else:
        assert canceled.status is SessionStatus.CANCELED


async def test_provider_is_unavailable_when_it_refuses_connections(subject):
    made = await subject.make()
    gone = subject.provider.settings(**(subject.sandbox.settings("http://127.0.0.1:9")))
    async with subject.provider.adapter(gone, clock=subject.clock) as adapter:
        with pytest.raises(Unavailable) as caught:
            await adapter.fetch_session(made.key, made)
        check(subject, caught.value)
        assert adapter.health.last_failure_at is not None
        assert adapter.health.circuit in CircuitState


def secret_keys(kind):
    settings = load(kind).settings(**load_sandbox(kind)().settings("http://127.0.0.1:1"))
    return [name for name, value in settings if isinstance(value, SecretStr)]


async def test_wrong_credentials_raise_authorization_required(subject):
    made = await subject.make()
    keys = secret_keys(subject.provider.kind)
    wrong = subject.provider.settings(**(subject.sandbox.settings(subject.url) | dict.fromkeys(keys, "wr0ng-credential")))
    async with subject.provider.adapter(wrong, clock=subject.clock) as adapter:
        if not keys:
            assert (await adapter.fetch_session(made.key, made)).ref == made.ref
            return
        with pytest.raises(AuthorizationRequired) as caught:
            await adapter.fetch_session(made.key, made)
        assert "wr0ng-credential" not in f"{caught.value} {caught.value!r} {caught.value.detail}"


class Reworded:
    """A response whose body was read."""

    def __init__(self, status, headers, body):
        self.status_code, self.headers, self._body = status, headers, body

    def buffered(self):
        return self._body

    async def read_chunk(self):
        body, self._body = self._body, b""
        return body

    async def aclose(self):
        pass


class Rewording(Http1Transport):
    """Transport that replaces words in the sandbox's answers."""

    def __init__(self):
        super().__init__(connect_timeout=5, write_timeout=5)
        self.words = ()

    async def send(self, method, url, headers, body, head_timeout=None):
        answer = await super().send(method, url, headers, body, head_timeout)
        said = b""
        while piece := await answer.read_chunk():
            said += piece
        await answer.aclose()
        for word in self.words:
            said = said.replace(f'"{word}"'.encode(), f'"{STRANGE}"'.encode())
        return Reworded(answer.status_code, answer.headers, said)


@HAS_STATUS
async def test_unmapped_status_is_unknown_and_its_word_is_kept(subject):
    made = await subject.make(subject.order(people=1))
    rewording = Rewording()
    async with subject.provider.adapter(subject.settings, transport=rewording, clock=subject.clock) as adapter:
        before = await adapter.fetch_session(made.key, made)
        assert before.status is not SessionStatus.UNKNOWN
        rewording.words = before.provider_status.split(", ")
        after = await adapter.fetch_session(made.key, made)
        assert after.status is SessionStatus.UNKNOWN
        assert STRANGE in after.provider_status
        assert not after.final
        rewording.words = [person.provider_status for person in before.participants if person.provider_status]
        people = (await adapter.fetch_session(made.key, made)).participants
        if rewording.words:
            assert {person.status for person in people} == {ParticipantStatus.UNKNOWN}
            assert {person.provider_status for person in people} == {STRANGE}
