"""Data from a folder of images that has a folder for each class, or train/ and test/ with a folder for each class."""

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from models.core.errors import ConfigError
from models.core.memory import check_memory, readable_size
from models.core.suggestions import check_word, did_you_mean, listed
from models.data.dataset import Array, Dataset
from models.data.labels import CLASSIFICATION, Target
from models.data.table import cut_test

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
COLORS = ("grey", "rgb")
_MODES = {"grey": "L", "rgb": "RGB"}
_ORIENTATION = 0x0112  # the EXIF tag; images with a value of 5 or more lie on their side
_GREY = ("1", "L", "LA", "I", "I;16", "F")

Tell = Callable[[str], None]


def image_dataset(folder: Path, size: str, color: str, test: float, tell: Tell, written: str) -> Dataset:
    """Images as uint8 (rows, height, width), or with colour (rows, height, width, 3).

    `size` is "28" or "32x24", width first; empty where all images have the same size. `color` is one of COLORS; empty
    means colour where any image has colour. `tell` hears how much memory the images take before they are read. A folder
    without train/ and test/ has the fraction `test` of its images cut out as test part.

    Raises:
        ConfigError: the folder has no such images, an image cannot be read, or the images do not fit in memory.
    """
    files = _files(folder)
    names = tuple(files["train"])
    listed_files = {part: [(file, names.index(k)) for k in of for file in of[k]] for part, of in files.items()}
    shape = _shape([file for each in listed_files.values() for file, _ in each], size, color, folder)
    count = sum(map(len, listed_files.values()))
    taken = count * int(np.prod(shape))
    pixels = " x ".join(map(str, shape))
    tell(f"{count:,} images of {pixels} take {readable_size(taken)}, and as features {readable_size(4 * taken)}")
    check_memory(f"the {count:,} images of {folder}, with their features,", 5 * taken)
    x = {part: _read([file for file, _ in each], shape) for part, each in listed_files.items()}
    y = {part: np.array([k for _, k in each], np.int64) for part, each in listed_files.items()}
    target = Target(CLASSIFICATION, names)
    if "test" in files:
        if not len(y["test"]):
            raise ConfigError(f"{folder}/test needs images, got none")
        return Dataset(folder.name, str(folder), x["train"], y["train"], x["test"], y["test"], target, written=written)
    train, held = cut_test(str(folder), target, y["train"], test)
    images, labels = x["train"], y["train"]
    return Dataset(
        folder.name, str(folder), images[train], labels[train], images[held], labels[held], target, written=written
    )


def parse_size(written: str) -> tuple[int, int] | None:
    """(height, width) of "28" or "32x24", which says the width first; None for an empty text.

    Raises:
        ConfigError: the text has another form.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})(?:x([1-9]\d{0,3}))?", written)
    if written and found is None:
        raise ConfigError(f"image_size must be pixels such as 28 or 32x24 (width x height), got {written!r}")
    return (int(found[2] or found[1]), int(found[1])) if found else None


def _files(folder: Path) -> dict[str, dict[str, list[Path]]]:
    """The image files of each class, for "train" and, where the folder has both parts, for "test"."""
    parts = {part: folder / part for part in ("train", "test")}
    two = all(path.is_dir() for path in parts.values())
    files = {part: _classes(path) for part, path in parts.items()} if two else {"train": _classes(folder)}
    names = tuple(files["train"])
    if len(names) < 2:
        raise ConfigError(
            f"{folder} needs a folder for each class, two or more, with images in them "
            f"({', '.join(SUFFIXES[:3])}, ...), got {listed(names) or 'none'}"
        )
    for name in files.get("test", {}):
        if name not in names:
            raise ConfigError(f"{folder}/test must hold classes of train only, got {name!r}{did_you_mean(name, names)}")
    return files


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The image files of each class, both in alphabetical order."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
            if files:
                found[path.name] = files
    return found


def _shape(files: list[Path], size: str, color: str, folder: Path) -> tuple[int, ...]:
    """The shape of an image, (height, width) or with colour (height, width, 3), from the headers of all files."""
    asked, colored = parse_size(size), check_word("color", color, COLORS) == "rgb"
    sizes: dict[tuple[int, int], Path] = {}
    for file in files:
        with _opened(file) as image:
            turned = image.getexif().get(_ORIENTATION, 1) >= 5
            sizes.setdefault((image.width, image.height) if turned else (image.height, image.width), file)
            colored = colored or (not color and image.mode not in _GREY)
    if asked is None and len(sizes) > 1:
        first, other = list(sizes.items())[:2]
        raise ConfigError(
            f"{folder} needs `image_size`, such as 28 or 32x24: its images have {len(sizes)} sizes, {first[1].name} "
            f"{first[0][1]}x{first[0][0]} and {other[1].name} {other[0][1]}x{other[0][0]}"
        )
    height, width = asked or next(iter(sizes))
    return (height, width, 3) if colored else (height, width)


def _read(files: list[Path], shape: tuple[int, ...]) -> Array:
    from PIL import ImageOps

    images = np.empty((len(files), *shape), np.uint8)
    mode = _MODES["rgb" if len(shape) == 3 else "grey"]
    for place, file in enumerate(files):
        with _opened(file) as image:
            upright = ImageOps.exif_transpose(image).convert(mode)
            if upright.size != (shape[1], shape[0]):
                upright = upright.resize((shape[1], shape[0]))
            images[place] = np.asarray(upright)
    return images


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """An image, open in the block; raises ConfigError where Pillow cannot read its header or, later, its pixels."""
    from PIL import Image, UnidentifiedImageError

    broken = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with open(file, "rb") as content, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(content) as image:
                yield image
    except broken as error:
        known = not isinstance(error, UnidentifiedImageError)
        reason = error if known else "no format that it knows"
        raise ConfigError(f"{file} must be an image that Pillow can read, got: {reason}") from error
