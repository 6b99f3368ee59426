"""One execution on its way: what resolvers reach, the errors so far, and the work that was left behind."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, Task, gather, get_running_loop, sleep
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import GraphQLError
from graphql.execution import Executor as CoreExecutor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path as CorePath

from schema.execution.compiler.arguments import Make, immutable

Path: TypeAlias = "tuple[Path | None, str | int]"
"""Where a value stands in the answer: the place that it is in, and its key there."""

Select: TypeAlias = Callable[[Any, "Run", "Path | None"], Any]
"""Makes the answer's object of a value; ``Pending`` where some of it is still to come. Raises what makes it null."""


Given: TypeAlias = Mapping[str, Any]
"""Arguments by the names of a function's parameters, to be read only."""

Core: TypeAlias = CoreExecutor[Any]
"""graphql-core's own view of an execution."""


class Reach:
    """What a resolver sees as its ``info``: the context, and nothing else."""

    __slots__ = ("context",)

    def __init__(self, context: object) -> None:
        self.context = context


class Run:
    """The state of one execution. ``core`` makes what only the rare paths need: graphql-core's own view of it."""

    __slots__ = ("_core", "_given", "_make_core", "_nulled", "context", "errors", "info", "left", "root", "variables")

    def __init__(
        self, context: object, root: object, variables: VariableValues, given: dict[Make, Given], core: Callable[[Run], Core]
    ) -> None:
        self.context = context
        self.info = Reach(context)
        self.root = root
        self.variables = variables
        self._given = given
        self.errors: list[GraphQLError] = []
        self._nulled: set[Path | None] = set()
        self.left: list[Future[list[Any]]] = []
        """What goes on by itself."""
        self._make_core = core
        self._core: Core | None = None

    @property
    def core(self) -> Core:
        """The same execution as graphql-core would have it."""
        if self._core is None:
            self._core = self._make_core(self)
        return self._core

    def add(self, error: GraphQLError, path: Path | None) -> None:
        """Notes what made a place null, unless that place is gone already."""
        place = path
        while place is not None:
            if place in self._nulled:
                return
            place = place[0]
        if None in self._nulled:
            return
        self._nulled.add(path)
        self.errors.append(error)

    def given(self, make: Make) -> Given:
        """The arguments that are made of these variables: once, where nobody who is given them could change anything."""
        found = self._given.get(make)
        if found is None:
            found = make(self.variables)
            if immutable(found.values()):
                self._given[make] = found
        return found

    def leave(self, awaitables: Sequence[Awaitable[Any]]) -> None:
        """Lets go on by itself what nobody waits for any more; ``close`` ends it."""
        self.left.append(gather(*awaitables, return_exceptions=True))

    async def close(self) -> None:
        """Ends whatever goes on by itself."""
        for each in self.left:
            each.cancel()
        await gather(*self.left, return_exceptions=True)


def keys(path: Path | None) -> list[str | int]:
    """A place as clients are shown it."""
    found: list[str | int] = []
    while path is not None:
        path, key = path
        found.append(key)
    return found[::-1]


def core_path(path: Path) -> CorePath:
    """A place as graphql-core has it, without the names of types."""
    before, key = path
    return CorePath(None if before is None else core_path(before), key, None)


class Pending:
    """A part of an answer that is still to come: work that begins when somebody awaits it, and leaves nothing behind if not."""

    __slots__ = ("_given", "_work")

    def __init__(self, work: Callable[..., Coroutine[Any, Any, Any]], *given: Any) -> None:
        self._work = work
        self._given = given

    def __await__(self) -> Generator[Any, None, Any]:
        return self._work(*self._given).__await__()

    def work(self) -> Coroutine[Any, Any, Any]:
        """The work: what awaits it at once awaits it directly."""
        return self._work(*self._given)

    def begin(self, loop: AbstractEventLoop) -> Task[Any]:
        """Begins the work by itself."""
        return loop.create_task(self._work(*self._given))


def hold(pending: dict[Any, Any] | None, key: Any, value: Any) -> dict[Any, Any]:
    """Notes that the value of a key is still to come."""
    if pending is None:
        return {key: value}
    pending[key] = value
    return pending


async def join(done: Any, pending: dict[Any, Pending]) -> Any:
    """What was made, once its missing values are there as well: side by side where there are several."""
    if len(pending) == 1:
        [(key, value)] = pending.items()
        done[key] = await value.work()
        return done
    loop = get_running_loop()
    tasks = [each.begin(loop) for each in pending.values()]
    try:
        found = await gather(*tasks)
    except Exception:
        await _abandon(tasks)
        raise
    for key, value in zip(pending, found, strict=True):
        done[key] = value
    return done


async def join_steady(done: Any, pending: dict[Any, Pending]) -> Any:
    """The same where none of the values can fail, nor anything beside them: nobody has to be told at once when one does.

    The last needs no task of its own then: it is begun when the tasks of the others are, behind them.
    """
    key, last = pending.popitem()
    if not pending:
        done[key] = await last.work()
        return done
    loop = get_running_loop()
    tasks = {key: each.begin(loop) for key, each in pending.items()}
    try:
        await sleep(0)
        done[key] = await last.work()
        for key, task in tasks.items():
            done[key] = await task
    except BaseException:
        await _abandon(tasks.values())
        raise
    return done


async def _abandon(tasks: Collection[Task[Any]]) -> None:
    """Ends what is not needed any more, and waits for it."""
    for task in tasks:
        task.cancel()
    await gather(*tasks, return_exceptions=True)
