"""The description of the interface is complete, and holds under whatever it allows and forbids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CheckFunction, load_all_checks, not_a_server_error
from schemathesis.specs.openapi import checks
from served import Served, serve_cli
from starlette.testclient import TestClient

MODES = schemathesis.GenerationMode
# So many requests of each kind for each operation, which bounds what this costs.
SETTINGS = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))

OPERATIONS = [
    ("/v1/models", "get"),
    ("/v1/models/{model}", "get"),
    ("/v1/chat/completions", "post"),
    ("/v1/completions", "post"),
    ("/extract", "post"),
    ("/extract/stream", "post"),
    ("/texts", "post"),
    ("/tasks", "get"),
    ("/corrections", "post"),
    ("/health", "get"),
    ("/health/live", "get"),
    ("/health/ready", "get"),
    ("/metrics", "get"),
]
LINES = "/extract/stream"
"""A stream is answered line by line: what is no line becomes a row, and the others go on."""

FILES = "/texts"
"""Any bytes are a file."""

POSTED = [path for path, method in OPERATIONS if method == "post" and path not in (LINES, FILES)]
FORM: CheckFunction = checks.negative_data_rejection
load_all_checks()
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    FORM,
    checks.unsupported_method,
]
"""All but that every body of the right form is accepted: names must be on offer, a JSON Schema must
be one, and some parameters exclude each other, which a description of the form can not say."""


@pytest.fixture(scope="module")
def small(tiny_gguf: Path, adapter_file: Path) -> Iterator[Served]:
    """A server whose answers are short, since there is room for no more."""
    with serve_cli(tiny_gguf, "--adapter", adapter_file, "--context", 160) as served:
        yield served
        assert served.process.poll() is None


@pytest.fixture(scope="module")
def described(small: Served) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{small.url}/openapi.json")


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def on_offer(body: object) -> object:
    """A body that names what the server has, so that it is answered more often than refused."""
    if isinstance(body, dict):
        for key, value in (("model", "tiny-recipe-q8_0"), ("task", "recipe"), ("adapter", "names")):
            if isinstance(body.get(key), str):
                body[key] = value
    return body


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_described_is_answered_as_described(
    described: schemathesis.BaseSchema, path: str, method: str
) -> None:
    @given(case=described[path][method].as_strategy(generation_mode=MODES.POSITIVE))
    @SETTINGS
    def check(case: schemathesis.Case) -> None:
        case.body = on_offer(case.body)
        strict = path not in (LINES, FILES)
        case.call_and_validate(checks=[each for each in CHECKS if each != FORM or strict])

    check()


@pytest.mark.slow
@pytest.mark.parametrize("path", POSTED)
def test_what_is_not_described_is_refused_as_described(
    described: schemathesis.BaseSchema, path: str
) -> None:
    @given(case=described[path]["post"].as_strategy(generation_mode=MODES.NEGATIVE))
    @SETTINGS
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()


def test_the_description_names_every_route_and_every_error(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    found = [(path, method) for path, each in described["paths"].items() for method in each]
    assert sorted(found) == sorted(OPERATIONS)
    for path, operations in described["paths"].items():
        for operation in operations.values():
            answers = operation["responses"]
            assert {"400", "401", "403", "500", "503"} <= set(answers), path
            assert "422" not in answers
            assert operation["description"]
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_no_page_loads_scripts_from_elsewhere(client: TestClient) -> None:
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404
