"""SIGNIUS SEAL: a machine that seals a batch of PDF documents. Nobody is invited and nobody waits.

A session is a batch (SEALING): created, filled with one ZIP, accepted, polled, and fetched as one ZIP again. What
a newcomer should know:

- There is no list, no cancel, no webhook and no failed state; failure shows per document, once the batch is CLOSED.
- Only the *name* of a status means anything: its numbers changed between server versions.
- Ids, booleans and numbers come as themselves or as strings, depending on the method; times come without a zone (UTC).
- Titles, references, sizes and hashes exist only with us: they are kept from the order, matched by file name.
- Timestamps are asked of SEAL when they are downloaded: two methods make them, and neither keeps any.
- Where ``AcceptBatch`` takes its batch id is not public; the path table holds both forms.

Links: the vendor's "Batch Methods" and "TSA Methods" pages of the SEAL API reference.
"""

from providers.adapter import Provider
from providers.seal.adapter import SealAdapter
from providers.seal.wire import SealOptions, SealParticipantOptions, SealSettings

PROVIDER = Provider(
    kind="seal",
    display_name="SIGNIUS SEAL",
    adapter=SealAdapter,
    settings=SealSettings,
    options=SealOptions,
    participant_options=SealParticipantOptions,
)
