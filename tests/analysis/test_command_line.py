"""How `python -m analysis` ends, whatever happened."""

from pathlib import Path

import pytest

from analysis import __main__ as command


@pytest.mark.usefixtures("workdir")
def test_bad_input_is_one_line_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--trials", "scores.csv", "--sampler", "random", "--target", "nan", "--out", "report"]) == 2
    assert capsys.readouterr().err == "error: --target is finite numbers: got 'nan'\n"
    assert not Path("report").exists()


def test_an_unforeseen_error_is_one_line_and_its_traceback_a_file(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> list[Path]:
        raise RuntimeError("no connection to postgresql://me:secret@h/x")

    monkeypatch.setattr(command, "run", fails)
    assert command.main([]) == 70
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "secret" not in printed
    (file,) = workdir.glob("search-error-*.txt")
    assert str(file) in printed
    assert "in fails" in file.read_text()
