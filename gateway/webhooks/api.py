"""The door for what providers send by themselves. What it means, and whether it is believed, is the inbox's to say."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from gateway.store import WebhookDelivery, WebhookVerification
from gateway.web.problem_details import ProblemResponse, refusal
from gateway.webhooks.inbox import Inbox, Untimely
from providers.errors import ProblemCode, SigningError


def _inbox(request: Request) -> Inbox:
    inbox: Inbox = request.app.state.services.inbox
    return inbox


router: Final = APIRouter()


@router.post("/webhooks/{provider}", status_code=202)
async def take(provider: str, request: Request, inbox: Annotated[Inbox, Depends(_inbox)]) -> JSONResponse:
    """Takes a delivery: 202 once it is kept, 200 if it was here before or was sent at another time, 401 if unverified.

    Whatever is sent, no answer asks to send it again later.
    """
    try:
        return _answer(await inbox.receive(provider, request.headers.items(), request.stream()))
    except SigningError as error:
        refused = refusal(error)
        refused.headers["connection"] = "close"  # or else the server would read on
        return refused


def _answer(delivery: WebhookDelivery) -> JSONResponse:
    if delivery.duplicate_of is not None or isinstance(delivery.problem, Untimely):
        return JSONResponse({"outcome": delivery.outcome.value}, 200)
    if delivery.verification is not WebhookVerification.VERIFIED:
        return _problem(401, "This delivery could not be verified.")
    if delivery.problem is not None and delivery.problem.code is ProblemCode.INVALID:
        return _problem(400, delivery.problem.message)
    return JSONResponse({"outcome": delivery.outcome.value}, 202)


def _problem(status: int, message: str) -> JSONResponse:
    return ProblemResponse(status, ProblemCode.INVALID.value, message)
