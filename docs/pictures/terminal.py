"""`python docs/pictures/terminal.py`: terminal.svg beside, the last block that `python -m search` prints, made anew.

The search runs in a folder of its own that is thrown away, on a terminal of 108 columns.
"""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

HERE = Path(__file__).parent
COLUMNS = 108
SVG = """\
<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: {char_height}px Menlo, Consolas, "DejaVu Sans Mono", monospace }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def printed(folder: str) -> str:
    """All that the search writes to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    variables |= {"PYTHONPATH": str(HERE.parent.parent), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "search"]
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed: the search has ended
            break
        if not part:
            break
        parts.append(part)
    if process.wait() != 0:
        sys.exit(f"the search ended with exit code {process.returncode}")
    return b"".join(parts).decode().replace("\r\n", "\n")


def picture(text: str) -> str:
    """The text's last block, from the study's name on, as an SVG file that needs no other."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if "the trial found" in line)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text("$ python -m search\n", style="bold"))
    console.print(Text.from_ansi("\n".join(lines[first:])))
    return console.export_svg(title="", theme=SVG_EXPORT_THEME, code_format=SVG, unique_id="search")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        (HERE / "terminal.svg").write_text(picture(printed(folder)), encoding="utf-8")
