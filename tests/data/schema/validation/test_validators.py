"""Instances are checked with all formats, and what only a rare one needs is loaded when it is.

Run: pytest tests/data/schema/validation/test_validators.py
"""

from __future__ import annotations

import os
import subprocess
import sys

from setaccio.data.schema.validation.validators import make_validator, validator_class

FRESH = """
import sys
from setaccio.data.schema.validation.validators import make_validator
validator = make_validator({"type": "string", "format": "iri"})
assert "lark" not in sys.modules and "rfc3987_syntax" not in sys.modules
print([validator.is_valid(text) for text in ("http://exämple.org/ü", "no iri", 3)])
assert "lark" in sys.modules
import rfc3987_syntax
print(rfc3987_syntax.is_valid_syntax_iri("http://exämple.org/ü"))
"""


RARE = """
import sys
from setaccio.data.schema.validation.validators import make_validator
packages = {"rfc3986_validator", "isoduration", "webcolors"}
assert not packages & set(sys.modules)
for form, texts in (("uri", ("http://a.org", "a b")), ("duration", ("P1D", "PD", "one day"))):
    print([make_validator({"format": form}).is_valid(text) for text in texts])
three = make_validator({"$schema": "http://json-schema.org/draft-03/schema#", "format": "color"})
print([three.is_valid(text) for text in ("red", "#0f0", "reddish")])
print(packages <= set(sys.modules))
"""


def test_what_other_rare_formats_need_is_loaded_when_one_is_checked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RARE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    uri, duration, color = "[True, False]", "[True, False, False]", "[True, True, False]"
    assert (done.stdout, done.stderr) == (f"{uri}\n{duration}\n{color}\nTrue\n", "")


def test_the_checker_of_iris_is_loaded_when_one_is_checked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
    )
    assert (done.stdout, done.stderr) == ("[True, False, False]\nTrue\n", "")


def test_formats_are_checked_in_the_draft_that_the_schema_names() -> None:
    assert not make_validator({"format": "date"}).is_valid("2026-02-30")
    assert not make_validator({"format": "iri-reference"}).is_valid("a b")
    seven = "http://json-schema.org/draft-07/schema#"
    assert validator_class({"$schema": seven}).__name__ == "Draft7Validator"
    assert validator_class({}).__name__ == "Draft202012Validator"
