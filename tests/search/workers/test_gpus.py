"""Studies on GPUs are refused where there is no GPU, as on every machine that runs these tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.core.errors import ConfigError
from models.core.runtime import gpus
from search.__main__ import main
from search.workers.choice import make_engine
from tests.project import PROJECT
from tests.search.jobs import SPLIT

STUDY = "{sampler: random, trials: 2, device: gpu, space: {width: [8, 16]}, training: {epochs: 1}}"


@pytest.fixture
def listed(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts an nvidia-smi that lists two GPUs on the PATH."""
    program = workdir / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, GPU-a'\necho '1, GPU-b'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{workdir}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("listed")
def test_the_gpus_are_those_that_are_listed_and_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpus() == ("GPU-a", "GPU-b")
    for allowed, found in (("1", ("GPU-b",)), ("GPU-a", ("GPU-a",)), ("-1", ()), ("", ())):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
        assert gpus() == found


def test_without_a_gpu_the_study_is_refused_and_nothing_is_made(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.yaml").write_text(STUDY)
    for workers, said in (("2", "a GPU that nvidia-smi lists"), ("0", "one a GPU, got workers 0")):
        assert main(["--study", "s.yaml", "--workers", workers]) == 2
        assert said in capsys.readouterr().err
    Path("t.yaml").write_text(STUDY.replace("gpu", "tpu"))
    assert main(["--study", "t.yaml"]) == 2
    assert "device must be one of cpu, gpu, got 'tpu'" in capsys.readouterr().err
    assert sorted(path.name for path in workdir.iterdir()) == ["s.yaml", "t.yaml"]


@pytest.mark.usefixtures("listed")
def test_there_are_as_many_workers_as_gpus_at_most() -> None:
    assert make_engine(8, None, SPLIT, "gpu").workers == 2  # type: ignore[attr-defined]
    assert make_engine(1, None, SPLIT, "gpu").workers == 1  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="got a dask scheduler"):
        make_engine(2, "tcp://127.0.0.1:1", SPLIT, "gpu")


@pytest.mark.usefixtures("listed")
def test_a_gpu_that_tensorflow_does_not_see_ends_the_search_at_once_with_the_reason(workdir: Path) -> None:
    Path("s.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "search", "--study", "s.yaml", "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert "device gpu needs a TensorFlow that sees the GPU" in " ".join(ended.stdout.split())


def test_a_gpu_is_one_process_s_alone(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom models.core.runtime import prepare_process, use_gpu\n"
        "prepare_process()\nimport tensorflow as tf\n"
        "tf.config.list_physical_devices = lambda kind: ['one']\n"
        "tf.config.experimental.set_memory_growth = lambda *_: None\n"
        "tf.config.experimental.get_device_details = lambda _: {'device_name': 'Made up'}\n"
        "use_gpu(['GPU-a', 'GPU-b'])\n"
        "from models.core.runtime import environment\nimport os\n"
        "print(environment()['device'], os.environ['CUDA_VISIBLE_DEVICES'], flush=True)\nsys.stdin.read()"
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "TMPDIR": str(tmp_path)}

    def started() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", code], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    first = started()
    assert first.stdout is not None
    assert first.stdout.readline() == "gpu Made up GPU-a\n"
    second = started()
    assert second.stdout is not None
    assert second.stdout.readline() == "gpu Made up GPU-b\n"
    assert "no other process holds, got GPU-a, GPU-b held" in started().communicate()[1]
    first.communicate()
    assert started().communicate("")[0] == "gpu Made up GPU-a\n"
    second.communicate()
