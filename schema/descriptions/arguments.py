"""Descriptions of the arguments of fields."""

from __future__ import annotations

from typing import Final

ARGUMENTS: Final[dict[str, str]] = {
    "after": "Only what comes behind this cursor, which an earlier page gave.",
    "before": "Only what comes ahead of this cursor, which an earlier page gave.",
    "code": "The code that the provider added to the address it sent the person back to.",
    "expiresIn": "How long the link can be used; at most what the gateway allows.",
    "file": "A file of a multipart request.",
    "filter": "Which are meant; left out, all.",
    "first": "So many from the beginning; not with last.",
    "id": "A global id that this API gave.",
    "ids": "Global ids that this API gave. The answer has as many places, null where nothing is found.",
    "input": "What is asked for.",
    "key": "The provider's own identifier.",
    "last": "So many from the end; not with first.",
    "maxAge": "What is known for longer is read anew at the provider; PT0S always reads. Left out: as the gateway is set.",
    "name": "The name given in the configuration.",
    "names": "Names of providers; left out, all that the viewer may see.",
    "orderBy": "The order of the list.",
    "provider": "The name of a provider, as in the configuration.",
    "providers": "Names of providers; left out, all that the viewer may see.",
    "roles": "Only documents of these roles; left out, all.",
    "state": "The state that the provider sent back, as beginAuthorization gave it.",
    "window": "How far back from now the figures reach, at most 90 days.",
    "ProviderMetrics.slices(count:)": "Into how many parts of equal length the window is cut.",
    "Query.eligibleProviders(input:)": "The order, as createSession would take it.",
    "Session.documents(first:)": "At most so many; documentCount tells how many there are.",
    "Subscription.sessionEvents(after:)": "The cursor of the last event that was seen; left out, what happens from now on.",
    "Subscription.session(id:)": "The session to follow.",
}
