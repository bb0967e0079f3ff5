"""A source is the user's file and the modules beside it that it imports, and its hash is the same in any folder."""

import pickle
import shutil
import sys
import traceback
from pathlib import Path

import pytest

from models.core.errors import ConfigError
from models.spaces.modules import load
from models.spaces.source import Source, read_source, source_of_texts
from tests.models.spaces.conftest import Write

MAIN = """
    import os.path
    import blocks.dense as dense
    from blocks import conv
    from helper import *
    import blocks.norm

    def build(hp):
        from late import LATE
        return dense.NAME, conv.NAME, HELP, blocks.norm.NAME, LATE
"""
BESIDE = {
    "blocks__in____init__": "",
    "blocks__in__dense": "from . import shared\nfrom .shared import NAME as _\nNAME = shared.NAME + '-dense'",
    "blocks__in__shared": "import helper\nNAME = helper.HELP",
    "blocks__in__conv": "NAME = 'conv'",
    "blocks__in__norm": "NAME = 'norm'",
    "helper": "HELP = 'help'",
    "late": "LATE = 'late'",
}


def test_the_modules_beside_that_are_imported_are_a_part_of_it_and_no_others(write: Write) -> None:
    source = write(MAIN, unused="x = 1", blocks__in__unused="", **BESIDE)
    assert [name for name, _ in source.texts] == sorted(
        [
            "build.py",
            "helper.py",
            "late.py",
            *(f"blocks/{n}.py" for n in ("__init__", "dense", "shared", "conv", "norm")),
        ]
    )
    assert load(source).build(None) == ("help-dense", "conv", "help", "norm", "late")


def test_the_hash_is_of_names_and_content_wherever_the_files_lie(write: Write, tmp_path: Path) -> None:
    source = write(MAIN, **BESIDE)
    moved = shutil.copytree(tmp_path / "user", tmp_path / "elsewhere")
    assert read_source(f"{moved}/build.py:build").hash == source.hash
    (moved / "build.py").write_bytes((moved / "build.py").read_bytes().replace(b"\n", b"\r\n"))
    (moved / "unused.py").write_text("x = 1")
    assert read_source("build.py:build", moved).hash == source.hash
    for changed in (moved / "build.py", moved / "blocks" / "shared.py"):
        before = changed.read_text()
        changed.write_text(before + "\n# a remark\n")
        assert read_source("build.py:build", moved).hash != source.hash
        changed.write_text(before)
    assert read_source("build.py:build", moved).hash == source.hash


def test_sent_by_value_or_kept_as_texts_it_is_the_same_without_its_files(write: Write, tmp_path: Path) -> None:
    source = write(MAIN, **BESIDE)
    expected = load(source).build(None)
    shutil.rmtree(tmp_path / "user")
    for again in (
        pickle.loads(pickle.dumps(source)),
        source_of_texts(source.file, source.function, dict(source.texts)),
    ):
        assert isinstance(again, Source)
        assert again.hash == source.hash
        assert load(again).build(None) == expected


def test_a_users_models_folder_neither_shadows_nor_is_shadowed(write: Write) -> None:
    import models
    import models.core.errors

    before = dict(sys.modules), list(sys.path)
    source = write(
        """
        import models.core
        from models.core import errors
        import json
        import search
        def build(hp):
            import models.core.errors as again
            return models.WHOSE, errors.WHOSE, again.WHOSE, json.WHOSE, search.WHOSE
        """,
        models__in____init__="WHOSE = 'theirs'",
        models__in__core__in____init__="from models import WHOSE",
        models__in__core__in__errors="from .. import WHOSE\nfrom . import WHOSE",
        json="WHOSE = 'their json'",
        search="WHOSE = 'their search'",
    )
    module = load(source)
    assert module.build(None) == ("theirs", "theirs", "theirs", "their json", "their search")
    assert sys.modules["models"] is models
    assert models.core.errors.ConfigError is ConfigError
    new = {name: found for name, found in sys.modules.items() if name not in before[0]}
    assert all(name.startswith("_network_") for name in new)
    assert {name: sys.modules[name] for name in before[0]} == before[0]
    assert sys.path == before[1]
    import json

    assert json.loads("1") == 1


def test_folders_without_an_init_file_are_packages_too(write: Write) -> None:
    text = "import parts.a\nfrom parts import b\ndef build(): return parts.a.X, b.X"
    source = write(text, parts__in__a="X = 1", parts__in__b="X = 2")
    assert load(source).build() == (1, 2)


def test_each_load_runs_the_modules_anew(write: Write) -> None:
    source = write("import helper\ndef build():\n    helper.calls += 1\n    return helper.calls", helper="calls = 0")
    assert [load(source).build(), load(source).build()] == [1, 1]
    module = load(source)
    assert [module.build(), module.build()] == [1, 2]
    assert [getattr(finder, "root", "") for finder in sys.meta_path].count(module.__name__.partition(".")[0]) == 1


def test_two_sources_live_side_by_side(write: Write) -> None:
    first = load(write("import helper\ndef build():\n    import helper as h\n    return h.X", helper="X = 1"))
    second = load(write("import helper\ndef build():\n    import helper as h\n    return h.X", helper="X = 2"))
    assert (first.build(), second.build()) == (1, 2)


def test_only_the_sources_own_files_are_run(write: Write) -> None:
    source = write("import importlib\ndef build():\n    return importlib.import_module('helper')", helper="X = 1")
    with pytest.raises(ModuleNotFoundError, match="No module named 'helper'"):
        load(source).build()


def test_a_traceback_shows_the_line_that_ran_though_the_file_is_gone(write: Write, tmp_path: Path) -> None:
    module = load(write("def build():\n    return 1 / 0  # here\n"))
    shutil.rmtree(tmp_path / "user")
    with pytest.raises(ZeroDivisionError) as raised:
        module.build()
    assert "return 1 / 0  # here" in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("build.py", r"network must be mlp or FILE\.py:NAME, got 'build\.py'"),
        ("build.txt:build", "network must be mlp or FILE"),
        ("build.py:", "network must be mlp or FILE"),
        ("none.py:build", "'none.py:build': no such file; network is FILE.py:NAME"),
        ("my.net.py:build", r"without a dot in its name, got 'my\.net\.py'"),
        ("build.py:biuld", r"got 'biuld', which build\.py lacks \(it has build, Net\); did you mean 'build'"),
        ("broken.py:build", r"network must be Python, got broken\.py line 2: "),
        ("beside.py:build", r"network must be Python, got broken\.py line 2: "),
        ("null.py:build", r"network must be Python(,| that can be read,) got null\.py.*null bytes"),
        ("deep.py:build", r"network must be Python(,| that can be read,) got deep\.py"),
        ("latin.py:build", r"network must be Python that can be read, got latin\.py: "),
        ("above.py:build", r"those in it, got above\.py line 1: an import with 2 dots"),
    ],
)
def test_what_is_no_source_is_refused_in_a_line_before_anything_runs(
    tmp_path: Path, network: str, message: str
) -> None:
    (tmp_path / "build.py").write_text("def build(): ...\nclass Net: ...\nraise SystemExit('it ran')\n")
    (tmp_path / "broken.py").write_text("x = 1\ndef build(:\n")
    (tmp_path / "beside.py").write_text("import broken\n")
    (tmp_path / "null.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "deep.py").write_text("(" * 5000)
    (tmp_path / "latin.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "above.py").write_text("from ..x import build\n")
    with pytest.raises(ConfigError, match=message) as refused:
        read_source(network, tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["from x import *", "from helper import f as build", "build = lambda hp: hp", "if 1:\n    def build(hp): ...",
     "build: object = 1", "try:\n    import build\nexcept ImportError:\n    pass", "a, (build, c) = 1, (2, 3)"],
)  # fmt: skip
def test_a_name_may_be_bound_in_any_way(write: Write, text: str) -> None:
    assert write(text, helper="f = 1").function == "build"


def test_a_source_without_its_file_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"its file 'a\.py' among its texts, got b\.py"):
        source_of_texts("a.py", "build", {"b.py": ""})
