"""Participants: adds, changes and removes people in a draft, and changes the delivery methods of a session's people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from providers.capability import Operation
from providers.easyink import wire
from providers.easyink.capability import CAPABILITIES
from providers.easyink.client import EasyInkClient
from providers.easyink.errors import attributed_to
from providers.easyink.lifecycle.drafts import Drafts, require_draft
from providers.easyink.orders import participant_body, person_objections
from providers.easyink.session_reader import SessionReader
from providers.errors import Invalid, NotFound, Refused, WrongState
from providers.model import DeliveryMethod, Participant, ParticipantStatus, Session, SessionStatus
from providers.orders import ParticipantChange, ParticipantOrder

_NAMES = {"first_name": "firstName", "middle_name": "middleName", "last_name": "lastName", "language": "language"}
_DELIVERY = {"email": "email", "phone": "phone", "delivery_methods": "deliveryMethods"}
_INPUTS = _NAMES | _DELIVERY
_LINK_UNUSED = frozenset({ParticipantStatus.WAITING, ParticipantStatus.INVITED})
_PERSON = ("input", "participant")


class Participants:
    """Operations on the participants of a session. Every method may raise any ``ProviderError``."""

    def __init__(self, client: EasyInkClient, reader: SessionReader, drafts: Drafts) -> None:
        self._client = client
        self._reader = reader
        self._drafts = drafts

    async def add(self, session: Session, person: ParticipantOrder) -> Session:
        """Adds a person, who is last where people sign one by one."""
        require_draft(session)
        await self._client.add_participant(session.key, participant_body(person))
        return await self._reader.draft(session.key, session)

    async def add_self(self, session: Session) -> Session:
        """Adds the person of the token."""
        require_draft(session)
        await self._client.add_self(session.key)
        return await self._reader.draft(session.key, session)

    async def remove(self, session: Session, person: Participant) -> Session:
        """Removes a person with their fields and their place in the signing order."""
        require_draft(session)
        with attributed_to("participant"):
            removal = self._client.remove_participant(session.key, person.key)
            return await self._drafts.remove_part(session, removal, lambda now: now.participant(person.key))

    async def update(self, session: Session, person: Participant, change: ParticipantChange) -> Session:
        """Changes a person of a draft; of a session, their delivery methods."""
        if change == ParticipantChange():
            return await self._reader.session(session.key, session)
        if session.status is SessionStatus.DRAFT:
            return await self._replace(session, person, change)
        return await self._change_delivery(session, person, change)

    async def _replace(self, session: Session, person: Participant, change: ParticipantChange) -> Session:
        """EasyInk replaces a participant as a whole: what stays is read first, and sent as EasyInk spells it."""
        draft = await self._client.fetch_complete_draft(session.key)
        present = next((each for each in draft.participants or () if each.id == person.key), None)
        if present is None:
            raise NotFound("There is no such participant in the session (any more).", path=_PERSON)
        changed = _changed(_from_draft(present, person), change)
        _check(changed, change)
        body = {
            "firstName": changed.first_name,
            "middleName": changed.middle_name,
            "lastName": changed.last_name,
            "language": wire.to_wire(wire.LANGUAGE, change.language.lower()) if change.language else present.language,
            **_delivery_body(changed, present.delivery_methods if change.delivery_methods is None else None),
        }
        await self._client.update_participant(session.key, person.key, body)
        return await self._reader.draft(session.key, session)

    async def _change_delivery(self, session: Session, person: Participant, change: ParticipantChange) -> Session:
        """Changes the delivery methods, which makes EasyInk invite the person again at once."""
        changed = _changed(person, change)
        for name in _NAMES:
            if getattr(changed, name) != getattr(person, name):
                what = "Only e-mail address, phone number and delivery methods can be changed once a session is no draft."
                raise WrongState(what, path=("input", _NAMES[name]))
        if not changed.delivery_methods:
            what = "EasyInk does not say how this person was invited: name the delivery methods too."
            raise Invalid(what, path=("input", "deliveryMethods"))
        _check(changed, change)
        try:
            with attributed_to("participant"):
                await self._client.update_delivery(session.key, person.key, _delivery_body(changed))
        except Refused as refused:
            now = await self._reader.session(session.key, session)
            _require_active(now)
            present = now.participant(person.key)
            if present is None or present.status in _LINK_UNUSED:
                raise
            what = "This person has used the link: they can no longer be invited in another way."
            raise WrongState(what, path=_PERSON) from refused
        people = tuple(changed if each.key == person.key else each for each in session.participants)
        return await self._reader.session(session.key, replace(session, participants=people))


def _require_active(session: Session) -> None:
    if not CAPABILITIES.allows(Operation.UPDATE_PARTICIPANT, session.status):
        what = f"Session {session.key} is {session.provider_status}: nobody is invited to it any more."
        raise WrongState(what, path=_PERSON)


def _changed(person: Participant, change: ParticipantChange) -> Participant:
    return replace(person, **{name: value for name, value in asdict(change).items() if value is not None})


def _from_draft(present: wire.DraftParticipant, person: Participant) -> Participant:
    """The person as the draft has them now."""
    methods = (wire.DELIVERY.get(word.lower()) for word in present.delivery_methods or ())
    return replace(
        person,
        first_name=present.first_name,
        middle_name=present.middle_name,
        last_name=present.last_name,
        email=present.email,
        phone=present.phone,
        delivery_methods=tuple(method for method in methods if method is not None),
    )


def _delivery_body(person: Participant, unchanged: tuple[str, ...] | None = None) -> dict[str, object]:
    """The body of a person's addresses and delivery methods; ``unchanged`` are methods in EasyInk's words."""
    methods = list(unchanged or [wire.to_wire(wire.DELIVERY, method) for method in person.delivery_methods])
    # An empty list is refused where null is not.
    return {"email": person.email or None, "phone": person.phone or None, "deliveryMethods": methods or None}


def _check(person: Participant, change: ParticipantChange) -> None:
    """Raises ``Invalid`` for a change that EasyInk would refuse."""
    for name, message in _change_objections(person, change):
        raise Invalid(message, path=("input", name))


def _change_objections(person: Participant, change: ParticipantChange) -> Iterator[tuple[str, str]]:
    inputs = {name for attribute, name in _INPUTS.items() if getattr(change, attribute) is not None}
    if change.delivery_methods == ():
        yield "deliveryMethods", "EasyInk invites by EMAIL or SMS: name at least one, or leave them as they are."
    known = {name: getattr(person, name) for name in _INPUTS}
    yield from (each for each in person_objections(ParticipantOrder(**known)) if each[0] in inputs)
    if DeliveryMethod.EMAIL in person.delivery_methods and not person.email:
        yield "email", "An invitation by EMAIL needs an e-mail address."
    if DeliveryMethod.SMS in person.delivery_methods and not person.phone:
        yield "phone", "An invitation by SMS needs a phone number."
