"""Every use case, one method each. Interfaces call nothing else; nothing here knows GraphQL or HTTP."""

from __future__ import annotations

from gateway.signing.comparing import Comparing


class Signing(Comparing):
    """What can be done with sessions, whoever asks. Every method may raise any ``SigningError``.

    Layer upon layer: ``Reading`` has what is known, ``Showing`` what is seen of it, ``Writing`` whole sessions, ``Editing``
    what is inside one, ``Consent`` the people who let us act for them, ``Following`` what happens, ``Inbox`` what providers
    send by themselves, ``Watching`` what is looked for, and ``Comparing`` the figures of providers.
    """
