"""Control API of a sandbox, under ``/_sandbox``: plays the people, injects faults, and lists the received calls.

It is the same on each sandbox, and no part of the simulated provider.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.sandbox.fault_injection import Fault, RecordedCall
from providers.sandbox.webhook_sender import Callback


@dataclass(frozen=True, slots=True)
class SandboxSession:
    """A session as the people see it: its status in the provider's words, and who could sign now (by index)."""

    key: str
    status: str
    participants: Sequence[str] = ()
    waiting: Sequence[int] = ()


class People(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the people act by themselves, and how long each takes."""

    auto: bool = False
    delay_ms: int = 500


class Controlled(Protocol):
    """The part of a sandbox that the control API drives."""

    calls: deque[RecordedCall]
    faults: list[Fault]
    people: People
    callback: Callback | None

    def sessions(self) -> Sequence[SandboxSession]:
        """Every session, oldest first."""

    async def sign(self, key: str, participant: int | None = None) -> None:
        """Signs for a participant, or for everyone in turn."""

    async def decline(self, key: str, participant: int | None = None) -> None:
        """Declines for a participant."""

    async def expire(self, key: str) -> None:
        """Expires a session."""


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    participant: int | None = None


class ControlApi:
    """ASGI routes that drive one sandbox."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox

    def app(self) -> Starlette:
        """The ASGI application of the routes."""
        routes = [
            Route("/sessions", self._list_sessions, methods=["GET"]),
            Route("/sessions/{key:path}/{act:str}", self._act, methods=["POST"]),
            Route("/faults", self._add_fault, methods=["POST"]),
            Route("/faults", self._clear_faults, methods=["DELETE"]),
            Route("/callback", self._set_callback, methods=["POST"]),
            Route("/callback", self._remove_callback, methods=["DELETE"]),
            Route("/people", self._set_people, methods=["POST"]),
            Route("/calls", self._list_calls, methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={msgspec.DecodeError: _reject_json})

    async def _list_sessions(self, request: Request) -> Response:
        return JSONResponse([asdict(session) for session in self._sandbox.sessions()])

    async def _act(self, request: Request) -> Response:
        act = msgspec.json.decode(await request.body() or b"{}", type=_Act)
        key = request.path_params["key"]
        try:
            match request.path_params["act"]:
                case "sign":
                    await self._sandbox.sign(key, act.participant)
                case "decline":
                    await self._sandbox.decline(key, act.participant)
                case "expire":
                    await self._sandbox.expire(key)
                case other:
                    return JSONResponse({"error": f"nobody can {other}; there are sign, decline and expire"}, 404)
        except KeyError:
            return JSONResponse({"error": f"no session {key}"}, 404)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse({})

    async def _add_fault(self, request: Request) -> Response:
        self._sandbox.faults.append(msgspec.json.decode(await request.body(), type=Fault))
        return JSONResponse({}, 201)

    async def _clear_faults(self, request: Request) -> Response:
        self._sandbox.faults.clear()
        return Response(status_code=204)

    async def _set_callback(self, request: Request) -> Response:
        self._sandbox.callback = msgspec.json.decode(await request.body(), type=Callback)
        return JSONResponse({}, 201)

    async def _remove_callback(self, request: Request) -> Response:
        self._sandbox.callback = None
        return Response(status_code=204)

    async def _set_people(self, request: Request) -> Response:
        self._sandbox.people = msgspec.json.decode(await request.body(), type=People)
        return JSONResponse(msgspec.to_builtins(self._sandbox.people))

    async def _list_calls(self, request: Request) -> Response:
        calls = self._sandbox.calls
        return JSONResponse([{"method": call.method, "path": call.path, "status": call.status} for call in calls])


async def _reject_json(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
