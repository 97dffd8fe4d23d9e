"""How the text of a revision file is compared."""

import hashlib
from pathlib import Path

import pytest

from agent_factory.migrate.revisions.contents import FileContent, begin_with_contents, content_of
from agent_factory.migrate.revisions.normalise import (
    file_sha256,
    normalised,
    source_line,
    text_of,
    text_sha256,
)


def content(data: bytes, name: str = "001.py") -> FileContent:
    return FileContent(path=name, data=data)


def test_line_ends_and_blanks_at_the_end_do_not_count() -> None:
    assert normalised("a  \r\n\tb\t\r\n\r\n") == normalised("a\n\tb\n") == "a\n\tb\n"
    assert normalised("a\n b") != normalised("a\nb")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("größe = 1\n".encode(), "größe = 1\n"),
        ("# coding: latin-1\ngröße = 1\n".encode("latin-1"), "# coding: latin-1\ngröße = 1\n"),
        ("#!/x\n# -*- coding: cp1251 -*-\nж\n".encode("cp1251"), "#!/x\n# -*- coding: cp1251 -*-\nж\n"),
        ("# coding: utf-8\nж\n".encode(), "# coding: utf-8\nж\n"),
        (b"# coding: nothing\n\xff", "# coding: nothing\n\ufffd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"a\0b", "a\ufffdb"),
    ],
)
def test_a_text_is_read_as_python_reads_it_and_can_always_be_kept(data: bytes, text: str) -> None:
    assert text_of(content(data)) == text
    text.encode()


def test_the_hash_of_utf_8_is_that_of_its_text() -> None:
    data = "größe = 1  \r\n".encode()

    assert text_sha256(content(data)) == hashlib.sha256("größe = 1\n".encode()).hexdigest()


def test_the_hash_of_bytecode_is_that_of_its_bytes_and_its_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "001.pyc"
    path.write_bytes(b"\xcb\r\r\n\0\0")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    assert file_sha256(path) == sha256
    said = f"(bytecode without its source: 6 bytes, SHA-256 {sha256})\n"
    assert text_of(content_of(path)) == said
    assert source_line(path, 1) == ""


def test_a_file_is_read_once_until_it_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "001.py"
    path.write_text("a = 1\r\n\n  b = 2\n")
    assert [source_line(path, number) for number in (1, 3, 4, None)] == ["a = 1", "b = 2", "", ""]
    first = file_sha256(path)

    path.write_text("c = 3\n")

    assert (file_sha256(path), source_line(path, 1)) == (first, "a = 1")
    begin_with_contents(())
    assert (file_sha256(path) == first, source_line(path, 1)) == (False, "c = 3")
