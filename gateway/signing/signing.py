"""Every use case, one method each. Interfaces call nothing else; nothing here knows GraphQL or HTTP."""

from __future__ import annotations

from gateway.signing.leftovers import Leftovers


class Signing(Leftovers):
    """What can be done with sessions, whoever asks. Every method may raise any ``SigningError``.

    Layer upon layer: ``Reading`` has what is known, ``Showing`` what is seen of it, ``Writing`` whole sessions, ``Editing``
    what is inside one, ``Consent`` the people who let us act for them, ``Following`` what happens, ``Inbox`` what providers
    send by themselves, ``Watching`` what is looked for, ``Comparing`` the figures of providers, ``Explaining`` why a
    session is as it is, and ``Leftovers`` what could not be removed.
    """
