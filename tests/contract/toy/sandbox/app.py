"""Simulator: Toy's API with its people."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from providers.sandbox.app import Sandbox
from providers.sandbox.control_api import SandboxSession

API_KEY = "toy-key-of-the-sandbox"


@dataclass
class _Session:
    id: str
    draft: dict[str, Any]
    made: str
    state: str = "draft"
    files: list[tuple[str, bytes]] = field(default_factory=list)
    results: list[bytes] = field(default_factory=list)
    people: list[str] = field(default_factory=list)

    def payload(self, *, whole: bool) -> dict[str, object]:
        row = {key: self.draft[key] for key in ("title", "reference", "in_turn")}
        row |= {"id": self.id, "state": self.state, "made": self.made}
        if whole:
            row["files"] = [{"id": str(number), "title": title} for number, (title, _) in enumerate(self.files)]
            row["people"] = [
                {"id": f"p{n}", "state": state, "link": self._link(n), **self.draft["people"][n]}
                for n, state in enumerate(self.people)
            ]
        return row

    def _link(self, number: int) -> str | None:
        return f"https://toy.example/sign/{self.id}?ticket=t{number}-{self.id}" if self.people[number] == "asked" else None

    @property
    def waiting(self) -> list[int]:
        return [number for number, state in enumerate(self.people) if state == "asked"] if self.state in _ALIVE else []


_ALIVE = {"open", "partly"}


class ToySandbox(Sandbox):
    """Simulator of one Toy server."""

    kind = "toy"

    def __init__(self, **made: Any) -> None:
        self.all: dict[str, _Session] = {}
        self._numbers = itertools.count(1)
        super().__init__(**made)

    def routes(self) -> Sequence[BaseRoute]:
        """Routes of every operation."""
        return [
            Route("/sessions", self._create, methods=["POST"]),
            Route("/sessions", self._list, methods=["GET"]),
            Route("/sessions/{session}", self._read, methods=["GET"]),
            Route("/sessions/{session}", self._delete, methods=["DELETE"]),
            Route("/sessions/{session}/start", self._start, methods=["POST"]),
            Route("/sessions/{session}/withdraw", self._withdraw, methods=["POST"]),
            Route("/sessions/{session}/files", self._add, methods=["POST"]),
            Route("/sessions/{session}/files/{file}", self._file, methods=["GET"]),
            Route("/sessions/{session}/files/{file}/signed", self._result, methods=["GET"]),
        ]

    def settings(self, base_url: str) -> dict[str, object]:
        """Settings for an adapter of this sandbox."""
        return {"name": "toy", "kind": "toy", "environment": "sandbox", "base_url": base_url, "api_key": API_KEY}

    def sessions(self) -> Sequence[SandboxSession]:
        """Every session."""
        return [SandboxSession(each.id, each.state, each.people, each.waiting) for each in self.all.values()]

    async def sign(self, key: str, participant: int | None = None) -> None:
        """One participant signs, or all in turn."""
        session = self.all[key]
        turns = [participant] if participant is not None else [n for n, s in enumerate(session.people) if s != "has-signed"]
        for number in turns or [-1]:
            if number not in session.waiting:
                raise ValueError("it is not their turn")
            session.people[number] = "has-signed"
            if session.draft["in_turn"] and number + 1 < len(session.people):
                session.people[number + 1] = "asked"
            session.state = "partly"
        if set(session.people) == {"has-signed"}:
            names = [f"{person['first']} {person['last']}" for person in session.draft["people"]]
            session.results = [await self.authority.sign_pdf(content, names) for _, content in session.files]
            session.state = "done"

    async def decline(self, key: str, participant: int | None = None) -> None:
        """One participant refuses."""
        session = self.all[key]
        number = next(iter(session.waiting), -1) if participant is None else participant
        if number not in session.waiting:
            raise ValueError("it is not their turn")
        session.people[number] = "has-refused"
        session.state = "refused"

    async def expire(self, key: str) -> None:
        """The time of a session runs out."""
        if self.all[key].state not in _ALIVE:
            raise ValueError("it is over")
        self.all[key].state = "late"

    def error_response(self, status: int, message: str = "") -> Response:
        """An error answer."""
        return JSONResponse({"code": f"toy-{status}", "words": message or "no"}, status)

    def _found(self, request: Request) -> _Session | None:
        return self.all.get(request.path_params["session"]) if self._is_authentic(request) else None

    def _is_authentic(self, request: Request) -> bool:
        return request.headers.get("x-toy-key") == API_KEY

    def _missing(self, request: Request) -> Response:
        return self.error_response(404) if self._is_authentic(request) else self.error_response(401)

    async def _create(self, request: Request) -> Response:
        if not self._is_authentic(request):
            return self.error_response(401)
        draft = msgspec.json.decode(await request.body())
        session = _Session(f"s-{next(self._numbers):04}", draft, self.clock.now().isoformat())
        self.all[session.id] = session
        return JSONResponse({"id": session.id}, 201)

    async def _list(self, request: Request) -> Response:
        if not self._is_authentic(request):
            return self.error_response(401)
        offset, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        rows = [session.payload(whole=False) for session in reversed(self.all.values())]
        return JSONResponse({"rows": rows[offset : offset + limit], "total": len(rows)})

    async def _read(self, request: Request) -> Response:
        session = self._found(request)
        return JSONResponse(session.payload(whole=True)) if session else self._missing(request)

    async def _delete(self, request: Request) -> Response:
        if (session := self._found(request)) is None:
            return self._missing(request)
        del self.all[session.id]
        return Response(status_code=204)

    async def _add(self, request: Request) -> Response:
        if (session := self._found(request)) is None:
            return self._missing(request)
        session.files.append((request.headers["x-title"], await request.body()))
        return JSONResponse({"id": str(len(session.files) - 1)}, 201)

    async def _start(self, request: Request) -> Response:
        if (session := self._found(request)) is None:
            return self._missing(request)
        session.state = "open"
        session.people = ["asked" if n == 0 or not session.draft["in_turn"] else "waits" for n in range(self._size(session))]
        return Response(status_code=204)

    def _size(self, session: _Session) -> int:
        return len(session.draft["people"])

    async def _withdraw(self, request: Request) -> Response:
        if (session := self._found(request)) is None:
            return self._missing(request)
        if session.state not in _ALIVE:
            return self.error_response(409, f"it is {session.state}")
        session.state = "withdrawn"
        session.people = ["waits" if state == "asked" else state for state in session.people]
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        session, number = self._found(request), request.path_params["file"]
        if session is None or not number.isdecimal() or int(number) >= len(session.files):
            return self._missing(request)
        return Response(session.files[int(number)][1], media_type="application/pdf")

    async def _result(self, request: Request) -> Response:
        session, number = self._found(request), request.path_params["file"]
        if session is None or not number.isdecimal() or int(number) >= len(session.results):
            return self._missing(request)
        return Response(session.results[int(number)], media_type="application/pdf")
