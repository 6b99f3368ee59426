"""Declaration of a provider: capabilities, settings and options, without any call."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from subject import declared

from providers.adapter import Adapter
from providers.capability import Operation, Support
from providers.errors import Unsupported
from providers.model import SessionKind
from providers.registry import NAMES, load, load_sandbox
from providers.sandbox.app import Sandbox

WITHOUT_VERB = {Operation.ARCHIVE, Operation.STATISTICS}
VERBS = {each: each.lower() for each in Operation if each not in WITHOUT_VERB and hasattr(Adapter, each.lower())}
VERBS[Operation.WEBHOOKS] = "parse_webhook"
URL = "http://127.0.0.1:1"
MODULES = ("adapter", "capability", "client", "errors", "orders", "provenance", "sessions", "settings", "wire")
MOST_MODULES = 12


def table(kind):
    return load_sandbox(kind)().settings(URL)


def overrides(adapter, verb):
    return getattr(adapter, verb) is not getattr(Adapter, verb)


def test_declared_operations_are_the_overridden_methods(provider):
    overridden = {operation for operation, verb in VERBS.items() if overrides(provider.adapter, verb)}
    assert declared(provider.capabilities) - WITHOUT_VERB == overridden


def test_operations_come_with_the_saga_methods_they_need(provider):
    has = declared(provider.capabilities)
    assert overrides(provider.adapter, "fetch_session"), "a session that cannot be read cannot be known"
    assert (Operation.CREATE_SESSION in has) == overrides(provider.adapter, "compensate")
    assert (Operation.WEBHOOKS in has) == overrides(provider.adapter, "webhook")
    assert (Operation.LIST_SIGNATURES in has) == overrides(provider.adapter, "download_signature")


async def test_operation_that_is_not_declared_raises_unsupported(provider):
    adapter = provider.adapter(provider.settings(**table(provider.kind)))
    async with adapter:
        for operation, verb in VERBS.items():
            if operation in declared(provider.capabilities):
                continue
            method = getattr(adapter, verb)
            blanks = [None] * len(inspect.signature(method).parameters)
            with pytest.raises(Unsupported, match="cannot"):
                await method(*blanks)
        assert adapter.health.last_failure_at is None


def test_capabilities_are_consistent(provider):
    can = provider.capabilities
    assert set(can.operations) == set(Operation)
    assert all(capability.operation is operation for operation, capability in can.operations.items())
    makes_sessions = Operation.CREATE_SESSION in declared(can)
    assert makes_sessions != (can.session_kind is SessionKind.RECORD)
    assert bool(can.media_types) == makes_sessions
    assert all(media_type.count("/") == 1 and media_type == media_type.lower() for media_type in can.media_types)
    assert all(value > 0 and unit for _, value, unit in can.limits.items())
    if not can.participants:
        assert not any((can.languages, can.deliveries, can.fields, can.reminders))
    for operation, capability in can.operations.items():
        assert can.support(operation) is capability.support
        assert capability.support is not Support.UNSUPPORTED or capability.note is None
        assert capability.note is None or capability.note.strip().endswith(".")


def test_provider_record_matches_registry(kind, provider):
    assert provider.kind == kind
    assert provider.display_name
    sandbox = load_sandbox(kind)
    assert issubclass(sandbox, Sandbox)
    assert sandbox.kind == kind
    assert provider.settings(**table(kind)).kind == kind


def test_provider_has_the_modules_that_every_provider_has(kind, provider):
    folder = Path(inspect.getfile(provider.adapter)).parent
    modules = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert set(MODULES) <= modules
    assert len(modules) <= MOST_MODULES
    assert (folder / "sandbox" / "app.py").exists()


@pytest.mark.parametrize("part", ["options", "participant_options"])
def test_options_have_json_schema_and_refuse_unknown_members(provider, part):
    model = getattr(provider, part)
    schema = model.model_json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    assert model().model_dump(mode="json", exclude_none=True, by_alias=True) is not None
    with pytest.raises(ValidationError):
        model.model_validate({"noSuchOption": 1})


def test_settings_refuse_unknown_key(provider):
    with pytest.raises(ValidationError, match="no_such_key"):
        provider.settings(**table(provider.kind), no_such_key=1)


def test_settings_refuse_unknown_path_and_name_known_ones(provider):
    assert provider.settings.PATHS
    some = sorted(provider.settings.PATHS)[0]
    with pytest.raises(ValidationError, match=f"no_such_path unknown.*{some}"):
        provider.settings(**(table(provider.kind) | {"paths": {"no_such_path": "/x"}}))
    with pytest.raises(ValidationError, match=f"{some} must begin with /"):
        provider.settings(**(table(provider.kind) | {"paths": {some: "x"}}))


@pytest.mark.parametrize("url", ["", "not an address", "ftp://127.0.0.1", "https://", "https://user:pass@example.com", "//x"])
def test_settings_refuse_invalid_base_url(provider, url):
    with pytest.raises(ValidationError, match="base_url") as caught:
        provider.settings(**(table(provider.kind) | {"base_url": url}))
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Has Capitals", "a" * 64, "under_score", "-x"])
def test_settings_refuse_name_that_cannot_be_part_of_a_url(provider, name):
    with pytest.raises(ValidationError, match="name"):
        provider.settings(**(table(provider.kind) | {"name": name}))


def test_every_path_of_table_can_be_overridden(provider):
    for name, template in provider.settings.PATHS.items():
        replaced = provider.settings(**(table(provider.kind) | {"paths": {name: f"/v9{template}"}}))
        assert replaced.paths[name] == f"/v9{template}"


def test_settings_show_no_secret(provider):
    raw = table(provider.kind)
    settings = provider.settings(**raw)
    shown = f"{settings!r} {settings} {settings.model_dump_json()}"
    secrets = [secret.get_secret_value() for secret in settings.secrets()]
    hidden = [name for name, _ in settings if isinstance(getattr(settings, name), SecretStr)]
    assert len(secrets) == len(hidden)
    assert not [secret for secret in secrets if secret in shown]
    with pytest.raises(ValidationError) as caught:
        provider.settings(**(raw | {"timeout": -1, "no_such_key": 1}))
    assert not [secret for secret in secrets if secret in str(caught.value)]


def test_credentials_are_secret_strings(provider):
    suspicious = ("secret", "token", "password", "key")
    for name, info in provider.settings.model_fields.items():
        if name.endswith(suspicious):
            assert "SecretStr" in str(info.annotation), name


def test_loading_providers_does_not_import_their_sandboxes():
    code = (
        "import sys; from providers.registry import NAMES, load; [load(kind) for kind in NAMES];"
        "assert not [name for name in sys.modules if name.endswith('sandbox') or 'uvicorn' in name], sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_registry_is_sorted():
    assert list(NAMES) == sorted(set(NAMES))
    for lookup in (load, load_sandbox):
        with pytest.raises(KeyError):
            lookup("no-such-kind")
