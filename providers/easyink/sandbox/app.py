"""Simulator: EasyInk's public API with all 36 operations, its identity host, and the people who sign.

``account`` has the switches of a test: how long processing takes, and how it fails. Where the vendor does not publish
a path, a status code or a message, the simulator follows the style of those that are published.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from providers.clock import Clock
from providers.easyink.sandbox.account import Account
from providers.easyink.sandbox.draft_endpoints import DraftEndpoints, Endpoint
from providers.easyink.sandbox.field_endpoints import FieldEndpoints
from providers.easyink.sandbox.identity import CLIENT_ID, CLIENT_SECRET, IdentityHost
from providers.easyink.sandbox.records import STARTED, StoredParticipant, StoredSession
from providers.easyink.sandbox.requests import Refusal
from providers.easyink.sandbox.session_endpoints import SessionEndpoints
from providers.sandbox.app import Sandbox
from providers.sandbox.certificate_authority import CertificateAuthority
from providers.sandbox.control_api import SandboxSession

_DEMO_LIFETIME = timedelta(days=365)


class EasyInkSandbox(Sandbox):
    """Simulator of EasyInk with one organisation and one user, to whom every token belongs."""

    kind = "easyink"

    def __init__(self, *, clock: Clock | None = None, authority: CertificateAuthority | None = None) -> None:
        self.account = Account(clock or Clock(), authority or CertificateAuthority())
        self.identity = IdentityHost(self.account.clock)
        super().__init__(clock=self.account.clock, authority=self.account.authority)

    def routes(self) -> Sequence[BaseRoute]:
        """Routes of drafts, fields, sessions and the identity host."""
        endpoints = (SessionEndpoints(self.account), DraftEndpoints(self.account), FieldEndpoints(self.account))
        return [route for each in endpoints for route in each.routes(self._authenticated)] + [*self.identity.routes()]

    def settings(self, base_url: str) -> dict[str, object]:
        """Settings for an adapter of this sandbox, with a token that is valid for a year."""
        return {
            "name": "easyink",
            "kind": "easyink",
            "display_name": "EasyInk (sandbox)",
            "environment": "sandbox",
            "base_url": base_url,
            "identity_url": f"{base_url}/identity",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": base_url,
            "access_token": self.identity.mint(_DEMO_LIFETIME),
        }

    def sessions(self) -> Sequence[SandboxSession]:
        """Every session and draft; nobody can sign a draft."""
        return [
            SandboxSession(
                each.key,
                each.status,
                [person.status for person in each.people.values()],
                [index for index, person in enumerate(each.people.values()) if person in each.waiting],
            )
            for each in self.account.sessions.values()
        ]

    async def view(self, key: str, participant: int | None = None) -> None:
        """A participant opens the link without signing. Raises as ``sign`` does."""
        session = self.account.sessions[key]
        self._actor(session, participant).status = "Viewed"
        session.status = "InProgress"

    async def sign(self, key: str, participant: int | None = None) -> None:
        """One participant signs, or all in turn; the last one finishes the session."""
        session = self.account.sessions[key]
        while True:
            person = self._actor(session, participant)
            person.status, person.signed_at = "Signed", self.clock.now()
            session.status = "InProgress"
            if all(each.status == "Signed" for each in session.people.values()):
                await self.account.finish(session)
                return
            session.invite()
            if participant is not None:
                return

    async def decline(self, key: str, participant: int | None = None) -> None:
        """A participant declines, which ends the session."""
        session = self.account.sessions[key]
        self._actor(session, participant).status = "Declined"
        session.status = "Declined"

    async def expire(self, key: str) -> None:
        """The organisation's deadline of a session passes."""
        session = self.account.sessions[key]
        if session.status not in STARTED:
            raise ValueError(f"a session that is {session.status} does not expire")
        session.status = "Expired"

    def error_response(self, status: int, message: str = "") -> Response:
        """An error answer."""
        return Refusal(message or "An unexpected error occurred.", status).response()

    def _actor(self, session: StoredSession, participant: int | None) -> StoredParticipant:
        waiting = session.waiting
        people = list(session.people.values())
        if participant is not None and not 0 <= participant < len(people):
            raise ValueError(f"there is no participant {participant}")
        person = next(iter(waiting), None) if participant is None else people[participant]
        if person is None or person not in waiting:
            raise ValueError(f"nobody can act now: the session is {session.status}, or it is another's turn")
        return person

    def _authenticated(self, endpoint: Endpoint) -> Endpoint:
        async def authenticated(request: Request) -> Response:
            try:
                self.identity.authenticate(request)
                return await endpoint(request)
            except Refusal as refusal:
                return refusal.response()

        return authenticated
