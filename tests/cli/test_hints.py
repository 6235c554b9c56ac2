"""Commands in messages can be pasted. Run with: pytest tests/cli/test_hints.py"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from setaccio.cli.terminal.console import warn
from setaccio.cli.terminal.exits import report_error
from setaccio.data.errors import MissingExtraError, ModelError

report_error(ModelError("smollm2: not fetched yet. Fetch it once: setaccio models fetch smollm2"))
warn("Look at /my/setaccio train, then at `setaccio train --list-settings`.")
report_error(MissingExtraError("train", "torch"))
report_error(MissingExtraError("gpu", "unsloth"))
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment as just makes it, by its files."""
    folder = tmp_path / ".venv"
    (folder / "bin").mkdir(parents=True)
    base = Path(sys.base_prefix) / "bin"
    (folder / "pyvenv.cfg").write_text(f"home = {base}\n", encoding="utf-8")
    (folder / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    script = folder / "bin" / "setaccio"
    script.write_text("", encoding="utf-8")
    script.chmod(0o755)
    return folder


# The other interpreter knows nothing of this one's editable install: the link farm stands in.
FARM = Path(__file__).parents[2] / ".types"


def said(environment: Path, path: str = "/usr/bin:/bin") -> list[str]:
    done = subprocess.run(
        [environment / "bin" / "python", "-c", SCRIPT],
        cwd=environment.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(FARM), *filter(None, sys.path)])}
        | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()


def test_in_an_environment_of_just(environment: Path) -> None:
    (environment / "setaccio-root").write_text("/src/setaccio\n", encoding="utf-8")
    fetch, settings, train, gpu = said(environment)
    assert fetch.endswith("Fetch it once: .venv/bin/setaccio models fetch smollm2")
    assert "/my/setaccio train, then at `.venv/bin/setaccio train --list" in settings
    assert train == "error: torch is not installed. In /src/setaccio run: just setup"
    python = environment / "bin" / "python"
    assert gpu == (
        f"error: unsloth is not installed. In /src/setaccio run: {python} -m pip install '.[gpu]'"
    )


def test_in_another_environment_with_the_program_on_the_path(environment: Path) -> None:
    fetch, _, train, _ = said(environment, f"{environment / 'bin'}:/usr/bin:/bin")
    assert fetch.endswith("Fetch it once: setaccio models fetch smollm2")
    assert train == (
        "error: torch is not installed. In Setaccio's folder run: pip install '.[train]'"
    )
