"""Where llama.cpp's converter comes from.

Run with: pytest tests/export/gguf/test_llamacpp_source.py
"""

from __future__ import annotations

import io
import tarfile

import pytest

from setaccio.data.errors import ExportError
from setaccio.export import converter_root
from setaccio.export.gguf.llamacpp_source import SOURCE_VARIABLE, vocabulary_file

PARTS = ("convert_hf_to_gguf.py", "conversion/base.py", "gguf-py/gguf/__init__.py")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)


def archive(path, names, links=()):
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    return path


def test_published_converter_has_its_parts(source):
    assert all((source / part).is_file() for part in PARTS)


def test_tampered_archive_is_refused(tmp_path):
    path = archive(tmp_path / "llama_cpp_python-0.3.36.tar.gz", ["x/vendor/llama.cpp/LICENSE"])
    with pytest.raises(ExportError, match=r"SHA-256.*fetch it again"):
        converter_root(path)
    assert not (tmp_path / "cache").exists()


def test_only_wanted_members_leave_the_archive(tmp_path):
    inner = [f"top/vendor/llama.cpp/{part}" for part in PARTS]
    bad = ["top/vendor/llama.cpp/conversion/../../../../evil.py", "top/vendor/llama.cpp/src/a.cpp"]
    path = archive(
        tmp_path / "llama_cpp_python-9.9.9.tar.gz", inner + bad[1:],
        links=["top/vendor/llama.cpp/conversion/link.py"],
    )  # fmt: skip
    root = converter_root(path)
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() or p.is_symlink()}
    assert files == set(PARTS)
    assert converter_root(path) == root

    path = archive(tmp_path / "llama_cpp_python-9.9.8.tar.gz", inner + bad)
    with pytest.raises(ExportError, match="can not be unpacked"):
        converter_root(path)
    assert not list(tmp_path.rglob("evil.py"))


def test_folder_by_variable(tmp_path, monkeypatch):
    root = tmp_path / "sdist" / "vendor" / "llama.cpp"
    for part in PARTS:
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        (root / part).write_text("", encoding="utf-8")
    monkeypatch.setenv(SOURCE_VARIABLE, str(tmp_path / "sdist"))
    assert converter_root() == root
    assert converter_root(root) == root


def test_vocabularies_lie_beside_the_converter(source, tmp_path):
    assert vocabulary_file("qwen2", source).read_bytes()[:4] == b"GGUF"
    with pytest.raises(ExportError, match=rf"ggml-vocab-klingon\.gguf: missing.*{SOURCE_VARIABLE}"):
        vocabulary_file("klingon", source)


def test_wrong_paths(tmp_path):
    with pytest.raises(ExportError, match="no such file or folder"):
        converter_root(tmp_path / "none")
    with pytest.raises(ExportError, match=r"holds no convert_hf_to_gguf\.py"):
        converter_root(tmp_path)
    broken = tmp_path / "llama_cpp_python-9.9.9.tar.gz"
    broken.write_bytes(b"junk")
    with pytest.raises(ExportError, match="can not be unpacked"):
        converter_root(broken)
    assert not list((tmp_path / "cache" / "setaccio").iterdir())


def test_fetching_without_network_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ExportError, match=f"llama-cpp-python==.*{SOURCE_VARIABLE}"):
        converter_root()
