"""Case folding: a title is found by any Unicode form of its letters, also one that a former build stored."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from unicodedata import normalize
from urllib.parse import urlsplit

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from stage import START, examples, keep, session

from gateway.store import PageRequest, SessionFilter, SessionOrder, Store
from gateway.store.list_query.text_folding import fold_case
from tests.servers import Databases

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
TITLES = {
    "umlaut": ("Kündigung der Wohnung", "Kündigung"),
    "several marks": ("Việt Nam: Hợp đồng", "hợp Đồng"),
    "angstrom sign": ("5 \u212bngström", "ångström"),
    "ligature": ("Certi\ufb01cate", "certificate"),
    "sharp s": ("Straßenbau", "STRASSE"),
    "sigma": ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    "wide letters": ("\uff2c\uff45\uff41\uff53\uff45", "lease"),
    "hangul": ("임대차 계약", "임대차"),
    "iota below": ("ᾳδης ᾼδης", "ᾼδησ"),
    "dotted i": ("\u0130stanbul", "i\u0307stanbul"),
}


async def found(store: Store, part: str) -> list[str]:
    rows = await store.sessions.page(SessionFilter(title_contains=part), SessionOrder.CREATED_AT_DESC, PageRequest(limit=50))
    assert await store.sessions.count(SessionFilter(title_contains=part)) == len(rows)
    return [row.session.key for row in rows]


@pytest.mark.parametrize("what", TITLES)
async def test_title_is_found_by_every_unicode_form_and_case(store: Store, what: str) -> None:
    title, part = TITLES[what]
    for form in FORMS:
        await keep(store, session(form, title=normalize(form, title)), START)
    await keep(store, session("other", title="Something else"), START)
    for form in FORMS:
        for asked in (part, part.upper(), part.lower()):
            assert set(await found(store, normalize(form, asked))) == set(FORMS), (form, asked)


async def test_letter_without_its_mark_does_not_match(store: Store) -> None:
    await keep(store, session("s1", title=normalize("NFD", "Kündigung")), START)
    assert await found(store, "Kundigung") == []


@given(st.text(max_size=40), st.sampled_from(FORMS), st.sampled_from(FORMS))
@examples(300)
def test_folding_is_equal_for_all_unicode_forms(words: str, one: str, other: str) -> None:
    assert fold_case(normalize("NFC", words)) == fold_case(normalize("NFD", words))
    if one.startswith("NFK") == other.startswith("NFK"):
        assert fold_case(normalize(one, words)) == fold_case(normalize(other, words))
    assert fold_case(fold_case(words)) == fold_case(words)


def test_folding_of_many_marks_is_linear() -> None:
    """Marks of two classes in turn, which are put in order by exchanging neighbours."""
    begun = time.process_time()
    fold_case("a" + "\u0315\u0316" * 100_000)
    assert time.process_time() - begun < 2


@asynccontextmanager
async def database(kind: str, folder: Path, databases: Databases) -> AsyncIterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'store.db'}"
    else:
        async with databases.fresh(migrated=False) as url:
            yield url


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_titles_of_former_build_are_found_after_the_migration(kind: str, tmp_path: Path, databases: Databases) -> None:
    def former(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(files("gateway.store") / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0013")
        for place, form in enumerate(FORMS * 600):
            title = f"{normalize(form, 'Kündigung')} {place}"
            row = {"key": f"s{place}", "title": title, "folded": title.casefold(), "at": place}
            connection.execute(
                text(
                    'INSERT INTO session (provider, "key", kind, status, settled, title, title_folded, created_at, due_at,'
                    " observed_at, changed_at, version, body) VALUES ('acme', :key, 'SIGNING', 'PENDING', false, :title,"
                    " :folded, :at, 221845392000000000, 1, 1, 1, '')"
                ),
                row,
            )

    async with database(kind, tmp_path, databases) as url:
        driver = "postgresql+asyncpg" if kind == "postgresql" else "sqlite+aiosqlite"
        engine = create_async_engine(url.replace(urlsplit(url).scheme, driver, 1))
        async with engine.begin() as connection:
            await connection.run_sync(former)
        await engine.dispose()
        store = await Store.open(SecretStr(url))
        try:
            assert await store.sessions.count(SessionFilter(title_contains="KÜNDIGUNG")) == len(FORMS) * 600
            assert await store.sessions.count(SessionFilter(title_contains=normalize("NFD", "kündigung 7"))) > 1
        finally:
            await store.close()
