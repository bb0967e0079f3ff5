"""What setuptools cannot read by itself: the requirements. conda.yaml is the one list of them."""

import re
from pathlib import Path

from setuptools import setup

TESTS, BUILDERS = "tests and checks", "what builds this environment where there is no conda"


def requirements() -> dict[str, list[str]]:
    """Those of conda.yaml, by the comment that each group of them stands under."""
    groups: dict[str, list[str]] = {}
    title = ""
    for line in Path(__file__).with_name("conda.yaml").read_text(encoding="utf-8").splitlines():
        if comment := re.fullmatch(r"      # (.+)", line):
            title = comment[1]
        elif requirement := re.fullmatch(r"      - (\S+==\S+)", line):
            groups.setdefault(title, []).append(requirement[1])
    return groups


groups = requirements()
needed = [each for title, listed in groups.items() if title not in (TESTS, BUILDERS) for each in listed]
setup(install_requires=needed, extras_require={"tests": groups[TESTS]})
