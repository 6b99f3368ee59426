"""SIGNIUS SEAL: a server that seals batches of PDF documents. It has no participants.

A session is a batch (SEALING): created, filled with one ZIP, accepted, polled, and downloaded as one ZIP again.
Quirks of the server:

- There is no list, no cancel, no webhook and no failed state; failure shows per document, once the batch is CLOSED.
- Only the *name* of a status means anything: its numbers changed between server versions.
- Ids, booleans and numbers come as themselves or as strings, depending on the method; times come without a zone (UTC).
- SEAL has no titles, references, sizes and hashes: they are taken from the order, matched by file name.
- A timestamp is made at each download: there are two methods, and neither stores any.
- Where ``AcceptBatch`` takes its batch id is not public; the path table holds both forms.

Links: the vendor's "Batch Methods" and "TSA Methods" pages of the SEAL API reference.
"""

from providers.registry import Provider
from providers.seal.adapter import SealAdapter
from providers.seal.orders import SealOptions, SealParticipantOptions
from providers.seal.settings import SealSettings

PROVIDER = Provider(
    kind="seal",
    display_name="SIGNIUS SEAL",
    adapter=SealAdapter,
    settings=SealSettings,
    options=SealOptions,
    participant_options=SealParticipantOptions,
)
