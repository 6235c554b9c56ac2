"""Faults of a network leave the server as it was; the benchmark does the same more often.

Run: pytest tests/runtime/server/test_faults.py
"""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from benchmarks.serving.faults import NOTHING, Fault, Saboteur
from served import serve_cli

from setaccio.data.records import Pair

pytestmark = pytest.mark.slow


def test_faults_are_refused_and_harm_nobody(tiny_gguf: Path, recipe_pairs: list[Pair]):
    async def do_all(url: str) -> list[Fault]:
        saboteur = Saboteur(url, recipe_pairs[80].text, "recipe", times=20, patience=1.0)
        return [fault async for fault in saboteur.run()]

    with serve_cli(tiny_gguf, "--parallel", 4) as running:
        faults = {fault.name: fault for fault in asyncio.run(do_all(running.url))}
        assert running.process.poll() is None
        assert "Traceback" not in running.said
    assert {name: fault.answers for name, fault in faults.items() if not fault.clean} == {}
    assert [name for name, fault in faults.items() if not fault.unharmed] == []
    assert [name for name, fault in faults.items() if fault.freed == math.inf] == []
    assert set(faults["malformed JSON"].answers) == {"400"}
    assert set(faults["invalid UTF-8"].answers) == {"400"}
    assert set(faults["bodies of 10 MB"].answers) <= {"400", "413", NOTHING}
    assert faults["disconnects in mid-answer"].answers == {NOTHING: 20}
