"""What the README tells a newcomer to type is what CI runs.

Run with: pytest tests/test_readme_commands.py
"""

from __future__ import annotations

import re
from pathlib import Path


def commands(readme: str) -> list[str]:
    """Lines of the first shell block."""
    block = re.search(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def test_ci_runs_the_readmes_commands_in_a_newcomers_environment(repository: Path):
    told = commands((repository / "README.md").read_text(encoding="utf-8"))
    script = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert len(told) == 2
    run = re.findall(r"^newcomer '(.+?)'(?: \| tee \S+)?$", script, re.MULTILINE)
    assert [command for command in run if command in told] == told
    emptied = re.findall(r"^ *env -i ((?:\w+=\S+ )+)bash -c", script, re.MULTILINE)
    assert [re.findall(r"(\w+)=", names) for names in emptied] == [["HOME", "PATH", "LC_ALL"]]
    assert "export" not in script
