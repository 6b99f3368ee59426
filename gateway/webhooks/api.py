"""Webhook endpoint: ``POST /webhooks/{provider}``, answered once the delivery is stored."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from gateway.store import WebhookDelivery, WebhookVerification
from gateway.web.problem_details import ProblemResponse, refusal
from gateway.webhooks.receiver import OutsideReplayWindow, WebhookReceiver
from providers.errors import ProblemCode, SigningError


def _receiver(request: Request) -> WebhookReceiver:
    receiver: WebhookReceiver = request.app.state.services.webhooks
    return receiver


router: Final = APIRouter()


@router.post("/webhooks/{provider}", status_code=202)
async def receive_webhook(
    provider: str, request: Request, receiver: Annotated[WebhookReceiver, Depends(_receiver)]
) -> JSONResponse:
    """Receives a delivery: 202 once stored, 200 for a duplicate or outside the replay window, 401 if unverified.

    No response asks the sender to retry.
    """
    try:
        return _response(await receiver.receive(provider, request.headers.items(), request.stream()))
    except SigningError as error:
        response = refusal(error)
        response.headers["connection"] = "close"  # or else the server would read the rest of the body
        return response


def _response(delivery: WebhookDelivery) -> JSONResponse:
    if delivery.duplicate_of is not None or isinstance(delivery.problem, OutsideReplayWindow):
        return JSONResponse({"outcome": delivery.outcome.value}, 200)
    if delivery.verification is not WebhookVerification.VERIFIED:
        return _problem(401, "This delivery could not be verified.")
    if delivery.problem is not None and delivery.problem.code is ProblemCode.INVALID:
        return _problem(400, delivery.problem.message)
    return JSONResponse({"outcome": delivery.outcome.value}, 202)


def _problem(status: int, message: str) -> JSONResponse:
    return ProblemResponse(status, ProblemCode.INVALID.value, message)
