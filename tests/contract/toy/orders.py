"""Orders: an order as Toy's draft, and the options that Toy takes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from providers.model import SigningOrder
from providers.orders import Order


class ToyOptions(BaseModel):
    """Options of ``createSession``: none."""

    model_config = ConfigDict(extra="forbid")


class ToyParticipantOptions(BaseModel):
    """Options of a participant: none."""

    model_config = ConfigDict(extra="forbid")


def draft_body(order: Order) -> dict[str, object]:
    """The body of a draft."""
    people = [{"first": each.first_name, "last": each.last_name, "email": each.email} for each in order.participants]
    in_turn = order.signing_order is SigningOrder.SEQUENTIAL
    return {"title": order.title, "reference": order.reference, "in_turn": in_turn, "people": people}
