"""Tables of the demo: the sessions in progress, the verified results, and example queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from gateway.demo.scenario import Proof

EXAMPLES = (
    (
        "every session, whoever carries it out",
        "{ sessions(first: 10) { nodes { title status provider { name } } sources { provider outcome } } }",
    ),
    ("what each provider can do", "{ providers { name capabilities { operation support } } }"),
    (
        "who signed, checked by the gateway",
        "{ signatures { nodes { format certificate { commonName } verification { status } } } }",
    ),
)

_COLORS = {"COMPLETED": "green", "IN_PROGRESS": "cyan", "PENDING": "yellow", "PROCESSING": "magenta"}
_MARKS = {"SIGNED": "✓", "INVITED": "…", "VIEWED": "…", "WAITING": "·", "DECLINED": "✗", "FAILED": "✗"}


def progress(sessions: Sequence[dict[str, Any]]) -> Table:
    """Sessions with their present status."""
    table = Table(title="One endpoint, four providers")
    for column in ("provider", "what is signed", "status", "who", "seen"):
        table.add_column(column)
    for session in sessions:
        status = session["status"]
        color = _COLORS.get(status, "white")
        table.add_row(
            session["provider"]["name"],
            session["title"],
            f"[{color}]{status}[/{color}]",
            _who(session),
            f"{session['freshness']['ageMs']} ms ago",
        )
    return table


def _who(session: dict[str, Any]) -> str:
    people = [f"{_MARKS.get(person['status'], '?')} {person['displayName']}" for person in session["participants"]]
    done = session["progress"]
    return "  ".join(people) or f"{done['signed']} of {done['required']} documents"


def results(proofs: Sequence[Proof]) -> Table:
    """Verified results, one a row."""
    table = Table(title="Downloaded and verified")
    for column in ("provider", "file", "media type", "bytes", "sha256", "signed by"):
        table.add_column(column, justify="right" if column == "bytes" else "left")
    for proof in proofs:
        table.add_row(
            proof.provider,
            proof.filename,
            proof.media_type,
            f"{proof.size_bytes:,}",
            proof.sha256[:12],
            ", ".join(proof.signers),
        )
    return table
