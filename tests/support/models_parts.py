"""A package that holds a model, and the YAML that makes it known: small, local, real to pip."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

FILE = "little_model/little.gguf"
# As long as two of the blocks that are read, and a bit; no compression makes it small.
CONTENT = b"GGUF" + random.Random(1).randbytes(2 * (1 << 20) + 77)


def make_wheel(folder: Path, content: bytes = CONTENT, file: str = FILE) -> Path:
    """A wheel as an index has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "little_model-1.0-py3-none-any.whl"
    info = "little_model-1.0.dist-info"
    texts = {
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: little-model\nVersion: 1.0\n"
        "Requires-Dist: a-package-that-nobody-has\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(file, content)
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def make_known(folder: Path, content: bytes = CONTENT, **source: object) -> Path:
    """A folder of known models: ``little`` from the wheel, ``far`` from the Hub."""
    folder.mkdir(parents=True, exist_ok=True)
    little = {
        "name": "little",
        "title": "A little model",
        "default": True,
        "source": {
            "package": "little-model",
            "version": "1.0",
            "file": FILE,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "download_bytes": len(content),
            **source,
        },
        "licence": "MIT",
        "parameters": 1000,
        "context": 64,
        "template": "chatml",
    }
    far = {**little, "name": "far", "default": False, "source": {"hub": "owner/far"}}
    for model in (little, far):
        (folder / f"{model['name']}.yaml").write_text(json.dumps(model), encoding="utf-8")
    return folder


@dataclass
class Shelf:
    """Folders of one test.

    Attributes:
        known: where the YAML lies.
        index: what pip looks for wheels in.
        cache: the user's cache.
    """

    known: Path
    index: Path
    cache: Path

    @property
    def store(self) -> Path:
        return self.cache / "setaccio" / "models"

    def names(self, folder: Path | None = None) -> set[str]:
        """What lies in a store, but for its lock."""
        return {path.name for path in (folder or self.store).iterdir()} - {".lock"}

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Run Python in a process of its own that knows this shelf's models."""
        head = (
            "import os, resource, sys, time\nfrom pathlib import Path\n"
            "from setaccio.models import catalogue, fetch\n"
            f"catalogue.FOLDER = Path({str(self.known)!r})\n"
        )
        paths = os.pathsep.join(path for path in sys.path if path)
        return subprocess.Popen(
            [sys.executable, "-c", head + script, *arguments],
            env={**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run ``setaccio models``: exit code, standard output, standard error."""
        script = "sys.argv[1:1] = ['models']\nfrom setaccio.cli.main import main\nmain()\n"
        process = self.start(script, *arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err
