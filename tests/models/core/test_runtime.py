"""A process that trains is set up once, before TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from models.core.runtime import prepare_process, versions


def test_the_process_has_one_thread_no_gpu_and_is_not_set_up_twice() -> None:
    prepare_process()
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1
    assert not tf.config.get_visible_devices("GPU")
    with pytest.raises(RuntimeError, match="keeps its number of threads, 1, got 2"):
        prepare_process(2)
    with pytest.raises(ValueError, match="threads must be 1 or more, got 0"):
        prepare_process(0)


def test_it_must_come_before_tensorflow() -> None:
    code = "import sys, models.core.runtime as r; sys.modules['tensorflow'] = sys; r.prepare_process()"
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert "must come before the first import of tensorflow" in ended.stderr


def test_versions_are_told_without_importing_anything() -> None:
    code = (
        "import sys; from models.core.runtime import versions; print(versions()); sys.exit('tensorflow' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], env=os.environ, capture_output=True, text=True
    )
    assert (told.returncode, told.stdout.strip()) == (0, str(versions()))
    assert versions()["keras"] == keras.__version__
    assert versions()["tensorflow"] == tf.__version__
