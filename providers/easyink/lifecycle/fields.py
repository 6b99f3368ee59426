"""Fields: places, moves and removes the fields on the documents of a draft."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace

from providers.easyink.client import EasyInkClient
from providers.easyink.errors import attributed_to
from providers.easyink.lifecycle.drafts import Drafts, require_draft
from providers.easyink.orders import field_body, options_body, placement_body, placement_objections
from providers.easyink.session_reader import SessionReader
from providers.errors import Invalid, NotFound, SigningError
from providers.model import DocumentRole, Field, Session
from providers.orders import FieldChange, FieldPlacement


class Fields:
    """Operations on the fields of a draft. Every method may raise any ``ProviderError``."""

    def __init__(self, client: EasyInkClient, reader: SessionReader, drafts: Drafts) -> None:
        self._client = client
        self._reader = reader
        self._drafts = drafts

    async def add(self, session: Session, field: FieldPlacement) -> Session:
        """Places a field, once its document is processed."""
        require_draft(session)
        _check_placement(field)
        document = session.document(field.document)
        if document is None:
            raise NotFound("There is no such document in the session (any more).", path=("input", "document"))
        if document.role is not DocumentRole.TO_SIGN:
            raise Invalid("EasyInk has fields on documents to sign only: name one of those.", path=("input", "document"))
        processed = await self._drafts.wait_until_processed(session, field.document)
        with attributed_to("participant"):
            await self._client.add_field(session.key, field_body(field, field.document, field.participant))
        return await self._reader.draft(session.key, processed)

    async def update(self, session: Session, field: Field, change: FieldChange) -> Session:
        """Moves a field, then changes whether it is required; where the second call fails, the first is compensated."""
        require_draft(session)
        _check_placement(change)
        changed = replace(field, **{name: value for name, value in asdict(change).items() if value is not None})
        with attributed_to("field"):
            if moves := placement_body(changed) != placement_body(field):
                await self._move(session, changed)
            if change.required is not None:
                try:
                    options = options_body(changed.type, changed.required)
                    await self._client.update_field_options(session.key, field.key, options)
                except SigningError:
                    if moves:
                        with suppress(SigningError):
                            await self._move(session, field)
                    raise
        return await self._reader.draft(session.key, session)

    async def remove(self, session: Session, field: Field) -> Session:
        """Removes a field with all fields that depend on it."""
        require_draft(session)
        with attributed_to("field"):
            removal = self._client.remove_field(session.key, field.key)
            return await self._drafts.remove_part(session, removal, lambda now: now.field(field.key))

    async def _move(self, session: Session, field: Field) -> None:
        await self._client.update_field_placement(session.key, field.key, placement_body(field))


def _check_placement(field: FieldPlacement | FieldChange) -> None:
    for name, message in placement_objections(field):
        raise Invalid(message, path=("input", name))
