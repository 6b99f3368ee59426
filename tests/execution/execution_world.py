"""World: the data of an execution by seed, with faults at a given rate.

Every value that the schema describes is made from its class, so that whatever a resolver reaches is there. A fault is a
value of a wrong type, nothing, an exception in place of a value, a value that is still to come, or a call that fails.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import types
import typing
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from execution_fault import NOW, oddities

from gateway.auth.viewer import SCOPES, Viewer
from gateway.cache.page_cache import ListPage
from gateway.directory import ConnectedProvider, Directory
from gateway.signing import Authorization, Eligibility, EventList, SessionList, SignatureList, Signing
from gateway.store import Event
from gateway.store.uploads import StagedFile
from gateway.sync.list_freshness import SourceReport
from gateway.web.links import Link
from providers import model, registry
from providers.capability import Operation
from providers.clock import Clock
from providers.errors import Busy, NotFound, SigningError
from providers.http.credentials import Credentials
from providers.http.health import Health
from providers.verification import SignatureReport
from schema.context import Context

_ADDRESS = re.compile(r"0x[0-9a-f]+")
PROVIDERS = ("acme", "umbrella")
KEYS = ("k0", "k1", "k2")
_WORDS = ("", "Lease of the north field", "Čeština ✓", 'quotes " and \\ and \n', "x" * 40, "a")
_TIMES = (NOW, NOW + timedelta(microseconds=7), datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


class World:
    """What one seed makes; ``faults`` is how likely any value is wrong."""

    def __init__(self, seed: int, faults: float) -> None:
        self._seed = seed
        self._faults = faults
        connected = [
            ConnectedProvider(
                registry.load("signicat" if name == "acme" else "seal"),
                SimpleNamespace(name=name, display_name=None, environment="sandbox"),  # type: ignore[arg-type]
                SimpleNamespace(credentials=self.made(Credentials, name), health=self.made(Health, name), close=None),  # type: ignore[arg-type]
            )
            for name in PROVIDERS
        ]
        self.directory = Directory(connected)
        self._sessions: dict[model.SessionRef, model.Session] = {}
        self.pages: dict[int, ListPage] | None = None
        """Pages of sessions by their size, where they are to be the same each time."""
        self._scopes = frozenset(SCOPES if seed % 3 else SCOPES[:-1])

    def context(self) -> Context:
        """The surroundings of one operation."""
        groups = dict.fromkeys((each.name for each in dataclasses.fields(Signing)), Stand(self))
        signing: Any = SimpleNamespace(**groups | {"directory": self.directory})
        return Context(signing=signing, viewer=Viewer("me", "Ada", self._scopes), clock=Standing(), first=100)

    def dice(self, *what: object) -> Random:
        return Random(f"{self._seed}/{what}")

    def made(self, cls: Any, *what: object, **known: object) -> Any:
        """A value of a class, by the types of its fields."""
        dice = self.dice(cls, *what)
        found: dict[str, Any] = {}
        for each in dataclasses.fields(cls):
            if each.name in known:
                found[each.name] = known[each.name]
            elif each.init:
                found[each.name] = self._value(_hints(cls)[each.name], dice, (*what, each.name))
        return cls(**found)

    def _value(self, type_: Any, dice: Random, what: tuple[object, ...]) -> Any:
        good = self._good(type_, dice, what)
        if dice.random() < self._faults:
            return dice.choice(oddities(good, dice.randrange(3)))
        return good

    def _good(self, type_: Any, dice: Random, what: tuple[object, ...]) -> Any:
        origin, inner = typing.get_origin(type_), typing.get_args(type_)
        if origin in (types.UnionType, typing.Union):
            kinds = [each for each in inner if each is not type(None)]
            return None if dice.random() < 0.3 else self._good(kinds[0], dice, what)
        if origin in (tuple, list, Sequence, Collection):
            return tuple(self._value(inner[0], dice, (*what, place)) for place in range(dice.randrange(4)))
        if origin is Mapping:
            return {self._good(inner[0], dice, what): self._good(inner[1], dice, what) for _ in range(2)}
        if isinstance(type_, type) and issubclass(type_, Enum):
            return dice.choice(list(type_))
        if type_ is model.SessionRef:
            return self.ref(dice)
        if type_ is ConnectedProvider:
            return next(iter(self.directory))
        if isinstance(type_, type) and issubclass(type_, SigningError):
            return Busy("Patience.", provider="acme", retry_after=2.0)
        if dataclasses.is_dataclass(type_):
            return self.made(type_, *what)
        return self._plain(type_, dice, str(what[-1]))

    def _plain(self, type_: Any, dice: Random, name: str) -> Any:
        if type_ is str or name in ("document", "participant", "signature"):
            return dice.choice(KEYS) if name in ("key", "document", "participant", "signature") else dice.choice(_WORDS)
        plain = {
            bool: dice.random() < 0.5,
            int: dice.choice([0, 1, 7, -3, 2**31 - 1]),
            float: dice.choice([0.0, 1.5, -2.25, 1e9]),
        }
        if type_ in plain:
            return plain[type_]
        if type_ is datetime:
            return dice.choice(_TIMES)
        if type_ is bytes:
            return dice.choice([b"null", b'{"a":[1,2.5,"x"],"b":18446744073709551616}', b"[]", b"broken"])
        return None

    @staticmethod
    def ref(dice: Random) -> model.SessionRef:
        return model.SessionRef(dice.choice(PROVIDERS), dice.choice(KEYS))

    def session(self, ref: model.SessionRef) -> model.Session:
        """The same one, however often it is asked for."""
        if ref not in self._sessions:
            self._sessions[ref] = self.made(model.Session, ref, provider=ref.provider, key=ref.key)
        return self._sessions[ref]


class Standing(Clock):
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW


class Stand:
    """Every group of ``Signing``, as far as resolvers call it.

    Every call may take a while, may fail, and may give what it should not.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.directory = world.directory

    def actions(self, session: object) -> Any:
        return self._now("actions", session, lambda: [Operation.CANCEL_SESSION, Operation.ADD_FIELD])

    def native(self, session: Any) -> Any:
        return self._now("native", session, lambda: session.native)

    def signing_url(self, person: Any) -> Any:
        return self._now("signing_url", person, lambda: person.signing_url)

    def has_bytes(self, document: object) -> Any:
        return self._now("has_bytes", document, lambda: self._world.dice("bytes", _label(document)).random() < 0.7)

    def link(self, kind: str, ref: object, key: object, lasting: timedelta) -> Any:
        return self._now("link", (kind, ref, key), lambda: Link(f"https://x.example/{kind}/{lasting}", NOW + lasting))

    async def session(self, ref: model.SessionRef, max_age: timedelta | None = None) -> Any:
        return await self._later("session", (ref, str(max_age)), lambda: self._world.session(ref))

    async def last_known(self, ref: model.SessionRef) -> Any:
        return await self.session(ref)

    async def session_by_key(self, provider: str, key: str, max_age: timedelta | None) -> Any:
        return await self.session(model.SessionRef(provider, key), max_age)

    async def sessions(self, wanted: object, order: object, reach: Any, max_age: object) -> Any:
        def found() -> SessionList:
            rows: list[Any] = [
                SimpleNamespace(
                    session=self._world.session(ref), position=SimpleNamespace(at=NOW, provider=ref.provider, key=ref.key)
                )
                for ref in (model.SessionRef("acme", key) for key in KEYS[: reach.limit])
            ]
            page = ListPage(rows, more=True)
            pages = self._world.pages
            return SessionList(page if pages is None else pages.setdefault(reach.limit, page), self._sources())

        return await self._later("sessions", repr((wanted, order)), found)

    async def signatures(self, wanted: object, limit: int, **reach: object) -> Any:
        def found() -> SignatureList:
            at: Any = SimpleNamespace(at=NOW, provider="acme", session_key="k0", key="k1")
            rows = [(self._world.made(model.Signature, "listed", place), at) for place in range(min(limit, 3))]
            return SignatureList(rows, more=False, sources=self._sources())

        return await self._later("signatures", repr(wanted), found)

    def _sources(self) -> list[SourceReport]:
        return [self._world.made(SourceReport, name, provider=name) for name in PROVIDERS]

    async def eligible(self, draft: object) -> Any:
        return await self._later(
            "eligible",
            "",
            lambda: [Eligibility(each, [Busy("Patience.")] * place) for place, each in enumerate(self.directory)],
        )

    async def verify(self, signature: object) -> Any:
        return await self._later("inspect", signature, lambda: self._world.made(SignatureReport, "report"))

    async def event(self, number: int) -> Any:
        return await self._later("event", number, lambda: self._world.made(Event, number, seq=number))

    async def session_events(self, ref: object, limit: int, after: int | None) -> Any:
        return await self._later(
            "events",
            (ref, after),
            lambda: EventList([self._world.made(Event, n, seq=n) for n in range(min(limit, 2))], more=True),
        )

    async def statistics(self, name: str) -> Any:
        return await self._later("statistics", name, lambda: self._world.made(model.Statistics, name))

    async def count_sessions(self, wanted: object) -> Any:
        return await self._later("count", "sessions", lambda: 7)

    async def count_signatures(self, wanted: object) -> Any:
        return await self._later("count", "signatures", lambda: 8)

    async def upload(self, chunks: object, **about: object) -> Any:
        return await self._later("upload", "", lambda: self._world.made(StagedFile, "upload"))

    async def save_signature(self, provider: str, order: object, once: object) -> Any:
        return await self._later("save", provider, lambda: self._world.made(model.Signature, provider))

    async def begin_authorization(self, provider: str) -> Any:
        return await self._later("begin", provider, lambda: self._world.made(Authorization, provider))

    async def complete_authorization(self, provider: str, code: str, state: str) -> Any:
        return await self._later("complete", provider, lambda: self.directory.get(provider))

    async def follow(self, ref: model.SessionRef) -> AsyncIterator[Any]:
        async def states() -> AsyncIterator[Any]:
            for turn in range(3):
                yield self._world.made(model.Session, ref, turn, provider=ref.provider, key=ref.key)

        if self._world.dice("follow", ref).random() < 0.2:
            raise NotFound("There is no such session.")
        return states()

    async def subscribe(self, wanted: object, after: int | None) -> AsyncIterator[Any]:
        async def told() -> AsyncIterator[Any]:
            for number in range(3):
                yield self._world.made(Event, number, seq=number)

        return told()

    def __getattr__(self, name: str) -> Any:
        """The mutations: those inside a session answer with it and its part, all others with it alone."""

        async def change(ref: Any, *given: Any) -> Any:
            parts = {
                "document": model.Document,
                "participant": model.Participant,
                "field": model.Field,
                "self": model.Participant,
            }
            part = parts.get(name.rpartition("_")[2])

            def done() -> Any:
                if name == "delete_session":
                    return ref
                if name.startswith("remove_"):
                    return ["k1", "k2"]
                session = (
                    self._world.session(ref) if isinstance(ref, model.SessionRef) else self._world.made(model.Session, name)
                )
                return session if part is None else (session, self._world.made(part, name))

            return await self._later(name, (ref if isinstance(ref, model.SessionRef) else ""), done)

        if name.startswith("__"):
            raise AttributeError(name)
        return change

    def _now(self, name: str, about: object, good: Any) -> Any:
        dice = self._world.dice(name, _label(about))
        if dice.random() < self._world._faults:
            wrong = dice.choice(oddities(good(), 1))
            if isinstance(wrong, Exception):
                raise wrong
            return wrong
        return good()

    async def _later(self, name: str, about: object, good: Any) -> Any:
        for _ in range(self._world.dice(name, _label(about)).randrange(3)):
            await asyncio.sleep(0)
        return self._now(name, about, good)


def _label(about: object) -> str:
    """What is the same for the same thing, also where its parts are odd."""
    key = getattr(about, "key", "")
    return _ADDRESS.sub("", repr(about) if isinstance(about, str | tuple) else f"{type(about).__name__} {key!r}")
