"""Eligibility: objections to an order by input path, without a call to the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from stage import START

from gateway.directory import ConnectedProvider
from gateway.signing.orders.eligibility import document_problems, participant_problems, problems, validated
from providers.adapter import Adapter
from providers.capability import Capabilities, Capability, Limits, Operation, Support, operations
from providers.errors import Invalid, ProblemCode, SigningError
from providers.model import DeliveryMethod, DocumentRole, ReminderFrequency, SessionKind
from providers.orders import DocumentOrder, FieldOrder, Order, ParticipantOrder
from providers.registry import Provider
from providers.settings import ProviderSettings

EMAIL, SMS = DeliveryMethod.EMAIL, DeliveryMethod.SMS
ALL = tuple(Capability(each, Support.NATIVE) for each in Operation)


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    retries: int = Field(default=1, ge=1, le=9, alias="maxRetries")
    colour: Literal["red", "green"] | None = None


class PersonOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str


class Settings(ProviderSettings):
    kind: Literal["acme"] = "acme"


class Able(Adapter):
    """Can everything, within limits."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SIGNING,
        operations=operations(*ALL),
        media_types=frozenset({"application/pdf", "text/plain"}),
        languages=frozenset({"en", "de"}),
        deliveries=frozenset({EMAIL}),
        fields=True,
        due_date=True,
        reminders=True,
        limits=Limits(documents=2, document_bytes=1000, participants=2, title=10, message=20, reference=5, due_in=30),
    )

    def validate_order(self, order: Order) -> Iterator[Invalid]:
        if order.title == "own":
            yield Invalid(f"No: {order.options} {[dict(each.options) for each in order.participants]}", path=("input", "title"))
        if order.title == " ":
            yield Invalid("Said once already.", path=("input", "title"))


class Bare(Able):
    """Can make sessions, and nothing else."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        session_kind=SessionKind.SEALING,
        operations=operations(Capability(Operation.CREATE_SESSION, Support.COMPOSED)),
        media_types=frozenset({"application/pdf"}),
        participants=False,
    )


class Reader(Able):
    """Cannot even make sessions."""

    capabilities: ClassVar[Capabilities] = replace(Able.capabilities, operations=operations())


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


def provider(kind: type[Adapter] = Able) -> ConnectedProvider:
    mine = Settings(name="acme", base_url="https://acme.example.com")
    record = Provider(
        kind="acme",
        display_name="Acme",
        adapter=kind,
        settings=Settings,
        options=Options,
        participant_options=PersonOptions,
    )
    return ConnectedProvider(record, mine, kind(mine))


def paper(**different: Any) -> DocumentOrder:
    values = {"filename": "a.pdf", "media_type": "application/pdf", "size_bytes": 1000, "sha256": "", "open": _nothing}
    return DocumentOrder(**(values | different))


def person(**different: Any) -> ParticipantOrder:
    return ParticipantOrder(**({"email": "ann@acme.test", "options": {"method": "m"}} | different))


def field(**different: Any) -> FieldOrder:
    values = {"document": 0, "participant": 0, "type": "signature", "page": 1, "x": 0, "y": 0, "width": 0.1, "height": 0.1}
    return FieldOrder(**(values | different))


def order(**different: Any) -> Order:
    return Order(**({"title": "Contract", "documents": (paper(),), "participants": (person(),)} | different))


def told(found: list[SigningError]) -> dict[str, str]:
    """What stands in the way, by its path; at most one for each."""
    assert len({problem.path for problem in found}) == len(found)
    assert {problem.provider for problem in found} <= {"acme"}
    return {".".join(problem.path): problem.message for problem in found}


def of(asked: Order, kind: type[Adapter] = Able) -> dict[str, str]:
    return told(problems(provider(kind), asked, START))


def test_order_within_all_limits_is_eligible() -> None:
    full = order(
        title="x" * 10,
        documents=(
            paper(),
            paper(media_type="text/plain"),
        ),
        participants=(person(delivery_methods=(EMAIL,), language="de"), person(email=None, phone="+49")),
        fields=(field(), field(page=99, x=1e6)),
        message="x" * 20,
        reference="x" * 5,
        due_at=START + timedelta(days=30),
        reminder_frequency=ReminderFrequency.DAILY,
        archive_for="P1Y",
        options={"maxRetries": 9, "colour": "red"},
    )
    assert of(full) == {}
    assert of(order(participants=(), start=False)) == {}
    assert of(Order(title="Batch", documents=(paper(size_bytes=10**12),)), Bare) == {}


@pytest.mark.parametrize(
    ("path", "says", "asked"),
    [
        ("title", "empty", order(title="\t")),
        ("title", "10 characters", order(title="x" * 11)),
        ("message", "20 characters", order(message="x" * 21)),
        ("reference", "5 characters", order(reference="x" * 6)),
        ("documents", "takes 2 documents", order(documents=(paper(),) * 3)),
        ("documents.1.role", "TO_SIGN or ATTACHMENT", order(documents=(paper(), paper(role=DocumentRole.SIGNED)))),
        ("documents.1", "image/png but application/pdf, text/plain", order(documents=(paper(), paper(media_type="image/png")))),
        ("documents.0", "1000 bytes", order(documents=(paper(size_bytes=1001),))),
        ("participants", "start: false", order(participants=())),
        ("participants", "takes 2 participants", order(participants=(person(),) * 3)),
        (
            "participants.0.deliveryMethods",
            "SMS. It knows EMAIL",
            order(participants=(person(phone="1", delivery_methods=(SMS,)),)),
        ),
        ("participants.0.email", "needs an e-mail", order(participants=(person(email=None, delivery_methods=(EMAIL,)),))),
        ("participants.1.email", "no e-mail address", order(participants=(person(), person(email="ann at acme")))),
        ("participants.0.email", "no e-mail address", order(participants=(person(email="a@b@c"),))),
        ("participants.0.language", "It knows de, en", order(participants=(person(language="fr"),))),
        ("participants.0.options.method", "required", order(participants=(person(options={}),))),
        ("participants.0.options.mode", "There are: method", order(participants=(person(options={"method": "m", "mode": 1}),))),
        ("fields.0.page", "first page is 1", order(fields=(field(page=0),))),
        ("fields.1.x", "at least 0", order(fields=(field(), field(x=-0.1)))),
        ("fields.0.y", "at least 0", order(fields=(field(y=-1),))),
        ("fields.0.width", "at least 0.1", order(fields=(field(width=0),))),
        ("fields.0.height", "at least 0.1", order(fields=(field(height=0.09),))),
        ("dueAt", "in the future", order(due_at=START)),
        ("dueAt", "30 days", order(due_at=START + timedelta(days=30, microseconds=1))),
        ("options.size", "There are: colour, maxRetries", order(options={"size": 1})),
        ("options.maxRetries", "less than or equal to 9", order(options={"maxRetries": 10})),
        ("options.colour", "'red' or 'green'", order(options={"colour": "blue"})),
        ("title", "No: {'maxRetries': 1} [{'method': 'm'}]", order(title="own")),
    ],
)
def test_objection_names_its_input(path: str, says: str, asked: Order) -> None:
    found = of(asked)
    assert list(found) == [f"input.{path}"]
    assert says in found[f"input.{path}"]


@pytest.mark.parametrize(
    ("path", "says", "different"),
    [
        ("participants", "Leave participants out", {"participants": (person(email="nonsense"),)}),
        ("fields", "Leave them out", {"fields": (field(page=0),)}),
        ("dueAt", "Leave dueAt out", {"due_at": START}),
        ("reminderFrequency", "Leave reminderFrequency out", {"reminder_frequency": ReminderFrequency.NEVER}),
        ("archive", "Leave archive out", {"archive_for": "P1Y"}),
        ("documents.0", "text/plain but application/pdf", {"documents": (paper(media_type="text/plain"),)}),
    ],
)
def test_unsupported_operation_is_an_objection(path: str, says: str, different: dict[str, Any]) -> None:
    found = of(Order(**({"title": "Batch", "documents": (paper(),)} | different)), Bare)
    assert list(found) == [f"input.{path}"]
    assert says in found[f"input.{path}"]


def test_attachment_needs_supported_media_type() -> None:
    kinds = [paper(media_type=each, role=DocumentRole.ATTACHMENT) for each in ("text/plain", "image/png")]
    assert list(of(order(documents=tuple(kinds)))) == ["input.documents.1"]


def test_provider_without_creation_has_one_objection() -> None:
    (problem,) = problems(provider(Reader), order(title=""), START)
    assert (problem.code, problem.path, problem.provider) == (ProblemCode.UNSUPPORTED, ("input", "provider"), "acme")


def test_excess_is_reported_as_too_large() -> None:
    asked = order(documents=(paper(size_bytes=1001),) * 3, participants=(person(),) * 3)
    assert {problem.code for problem in problems(provider(), asked, START)} == {ProblemCode.TOO_LARGE}


def test_all_objections_are_reported_one_for_each_input() -> None:
    asked = order(
        title=" ",
        documents=(paper(media_type="image/png", size_bytes=9999), paper(role=DocumentRole.EVIDENCE)),
        participants=(person(email="no", phone=None, delivery_methods=(SMS, EMAIL)), person(options={"mode": 1})),
        fields=(field(page=0, x=-1, width=-1),),
        due_at=START,
        options={"size": 1, "colour": "blue"},
    )
    found = of(asked)
    assert set(found) == {
        f"input.{path}"
        for path in (
            "title",
            "documents.0",
            "documents.1.role",
            "participants.0.deliveryMethods",
            "participants.0.phone",
            "participants.0.email",
            "participants.1.options.method",
            "participants.1.options.mode",
            "fields.0.page",
            "fields.0.x",
            "fields.0.width",
            "dueAt",
            "options.size",
            "options.colour",
        )
    }
    assert "image/png" in found["input.documents.0"]
    assert of(order(title=" ")) == {"input.title": "The title is empty. Say what is being signed."}


def test_objections_have_no_personal_data() -> None:
    asked = order(
        participants=(person(email="zzyzx acme test", phone="+49 30 1", options={"method": 5}, delivery_methods=(SMS,)),)
    )
    assert not any("zzyzx" in text or "+49" in text for text in of(asked).values())


def test_options_are_validated_by_model_of_adapter() -> None:
    ready = validated(provider(), order(options={"retries": "3"}, participants=(person(), person(options={"method": "x"}))))
    assert ready.options == {"maxRetries": 3}
    assert [each.options for each in ready.participants] == [{"method": "m"}, {"method": "x"}]


def test_added_document_is_checked_by_itself() -> None:
    assert told(document_problems(provider(), paper(filename="a name of more than ten characters"), START)) == {}
    assert list(told(document_problems(provider(), paper(media_type="image/png"), START))) == ["input.document"]
    assert list(told(document_problems(provider(), paper(role=DocumentRole.SIGNED), START))) == ["input.document.role"]


def test_added_participant_is_checked_by_itself() -> None:
    assert told(participant_problems(provider(), person(), START)) == {}
    found = told(participant_problems(provider(), person(email="no", options={}), START))
    assert set(found) == {"input.participant.email", "input.participant.options.method"}
