"""The people of a session: added, changed and removed in a draft, invited in another way afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from providers.capability import Operation
from providers.easyink import wire
from providers.easyink.capability import CAPABILITIES
from providers.easyink.client import EasyInkApi
from providers.easyink.draft import Drafts, require_draft
from providers.easyink.errors import about
from providers.easyink.orders import about_person, participant
from providers.errors import Invalid, NotFound, Refused, WrongState
from providers.model import DeliveryMethod, Participant, ParticipantStatus, Session, SessionStatus
from providers.orders import ParticipantChange, ParticipantOrder

_NAMES = {"first_name": "firstName", "middle_name": "middleName", "last_name": "lastName", "language": "language"}
_DELIVERY = {"email": "email", "phone": "phone", "delivery_methods": "deliveryMethods"}
_INPUTS = _NAMES | _DELIVERY
_LINK_UNUSED = frozenset({ParticipantStatus.WAITING, ParticipantStatus.INVITED})
_PERSON = ("input", "participant")


class Participants:
    """The people of a session. Every method may raise any ``ProviderError``."""

    def __init__(self, api: EasyInkApi, drafts: Drafts) -> None:
        self._api = api
        self._drafts = drafts

    async def add(self, session: Session, person: ParticipantOrder) -> Session:
        """Somebody more who signs."""
        require_draft(session)
        await self._api.make("add_participant", participant(person), session=session.key)
        return await self._api.draft(session.key, session)

    async def add_self(self, session: Session) -> Session:
        """The person of the token; the answer holds nothing that the draft does not."""
        require_draft(session)
        await self._api.do("POST", "add_self", session=session.key)
        return await self._api.draft(session.key, session)

    async def remove(self, session: Session, person: Participant) -> Session:
        """Somebody, with their fields and their place in the order."""
        require_draft(session)
        with about("participant"):
            return await self._drafts.removed(
                session, "remove_participant", lambda now: now.participant(person.key), participant=person.key
            )

    async def update(self, session: Session, person: Participant, change: ParticipantChange) -> Session:
        """Who somebody is, while it is a draft; afterwards how they are invited."""
        if change == ParticipantChange():
            return await self._api.session(session.key, session)
        if session.status is SessionStatus.DRAFT:
            return await self._rewrite(session, person, change)
        return await self._redeliver(session, person, change)

    async def _rewrite(self, session: Session, person: Participant, change: ParticipantChange) -> Session:
        """EasyInk takes people as a whole, so what stays is read anew and sent as it spells it."""
        draft, _ = await self._api.read(wire.Draft, "fetch_draft", session=session.key)
        told = next((each for each in draft.participants or () if each.id == person.key), None)
        if told is None:
            raise NotFound("There is no such participant in the session (any more).", path=_PERSON)
        wanted = _changed(_as_told(told, person), change)
        _check(wanted, change)
        words = {
            "firstName": wanted.first_name,
            "middleName": wanted.middle_name,
            "lastName": wanted.last_name,
            "language": wire.theirs(wire.LANGUAGE, change.language.lower()) if change.language else told.language,
            **_delivery(wanted, told.delivery_methods if change.delivery_methods is None else None),
        }
        await self._api.do("PUT", "update_participant", words, session=session.key, participant=person.key)
        return await self._api.draft(session.key, session)

    async def _redeliver(self, session: Session, person: Participant, change: ParticipantChange) -> Session:
        """Another invitation, which EasyInk sends at once."""
        wanted = _changed(person, change)
        for name in _NAMES:
            if getattr(wanted, name) != getattr(person, name):
                what = "Only e-mail address, phone number and delivery methods can be changed once a session is no draft."
                raise WrongState(what, path=("input", _NAMES[name]))
        if not wanted.delivery_methods:
            what = "EasyInk does not say how this person was invited: name the delivery methods too."
            raise Invalid(what, path=("input", "deliveryMethods"))
        _check(wanted, change)
        try:
            with about("participant"):
                await self._api.do("PUT", "update_delivery", _delivery(wanted), session=session.key, participant=person.key)
        except Refused as refused:
            fresh = await self._api.session(session.key, session)
            _require_active(fresh)
            now = fresh.participant(person.key)
            if now is None or now.status in _LINK_UNUSED:
                raise
            what = "This person has used the link: they can no longer be invited in another way."
            raise WrongState(what, path=_PERSON) from refused
        people = tuple(wanted if each.key == person.key else each for each in session.participants)
        return await self._api.session(session.key, replace(session, participants=people))


def _require_active(session: Session) -> None:
    if not CAPABILITIES.allows(Operation.UPDATE_PARTICIPANT, session.status):
        what = f"Session {session.key} is {session.provider_status}: nobody is invited to it any more."
        raise WrongState(what, path=_PERSON)


def _changed(person: Participant, change: ParticipantChange) -> Participant:
    return replace(person, **{name: value for name, value in asdict(change).items() if value is not None})


def _as_told(told: wire.DraftParticipant, person: Participant) -> Participant:
    """The person as the draft has them now."""
    methods = (wire.DELIVERY.get(word.lower()) for word in told.delivery_methods or ())
    return replace(
        person,
        first_name=told.first_name,
        middle_name=told.middle_name,
        last_name=told.last_name,
        email=told.email,
        phone=told.phone,
        delivery_methods=tuple(method for method in methods if method is not None),
    )


def _delivery(person: Participant, theirs: tuple[str, ...] | None = None) -> dict[str, object]:
    """How somebody is invited, in EasyInk's words; ``theirs`` are words to be kept as they are."""
    methods = list(theirs or [wire.theirs(wire.DELIVERY, method) for method in person.delivery_methods])
    # An empty list is refused where null is not.
    return {"email": person.email or None, "phone": person.phone or None, "deliveryMethods": methods or None}


def _check(person: Participant, change: ParticipantChange) -> None:
    """Raises ``Invalid`` for the first thing in a change that EasyInk would refuse."""
    for name, message in _about_change(person, change):
        raise Invalid(message, path=("input", name))


def _about_change(person: Participant, change: ParticipantChange) -> Iterator[tuple[str, str]]:
    asked = {name for attribute, name in _INPUTS.items() if getattr(change, attribute) is not None}
    if change.delivery_methods == ():
        yield "deliveryMethods", "EasyInk invites by EMAIL or SMS: name at least one, or leave them as they are."
    known = {name: getattr(person, name) for name in _INPUTS}
    yield from (each for each in about_person(ParticipantOrder(**known)) if each[0] in asked)
    if DeliveryMethod.EMAIL in person.delivery_methods and not person.email:
        yield "email", "An invitation by EMAIL needs an e-mail address."
    if DeliveryMethod.SMS in person.delivery_methods and not person.phone:
        yield "phone", "An invitation by SMS needs a phone number."
