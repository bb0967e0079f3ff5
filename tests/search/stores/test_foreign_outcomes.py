"""What lies in the outbox and is no outcome is named in one line, whatever it is."""

import zipfile
from pathlib import Path

import pytest

from search.stores.outbox import UnreadableOutcome, take


def _packed(path: Path, text: str, compression: int) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("outcome.json", text)


def _encrypted(path: Path) -> None:
    _packed(path, "{}", zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)


WRITERS = {
    "members packed by LZMA": lambda path: _packed(path, "{}", zipfile.ZIP_LZMA),
    "much packed into little": lambda path: _packed(path, "[" + " " * 50_000_000 + "]", zipfile.ZIP_DEFLATED),
    "an encrypted member": _encrypted,
    "5,000 nested lists": lambda path: _packed(path, "[" * 5000 + "]" * 5000, zipfile.ZIP_STORED),
    "a list": lambda path: _packed(path, "[]", zipfile.ZIP_STORED),
    "a text": lambda path: path.write_text("PK, said nobody"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_no_outcome_is_said_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "trial-0001-attempt-0.zip"
    WRITERS[kind](path)
    with pytest.raises(UnreadableOutcome, match=r"must be a finished trial's result, got .*trial-0001") as refused:
        take(path)
    assert "\n" not in str(refused.value)
