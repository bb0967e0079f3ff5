"""Addresses of databases and servers: the file behind one, and how one may be shown."""

import re
from pathlib import Path

_SECRET_NAME = r"[?&][^=&\s]*(?:pass|pwd|secret|token|key)[^=&\s]*="
_SECRET = re.compile(rf"({_SECRET_NAME})[^&\s'\"]*", re.IGNORECASE)
_KEYWORD = re.compile(r"(\b\w*(?:passw|pwd|secret)\w*=)(?:'[^']*'|[^\s'\"&]+)", re.IGNORECASE)
"""A password in the form of libpq's connection strings: password=x."""

_USER_ALONE = re.compile(r"(?:postgresql|mysql|mariadb)(?:\+\w+)?://\w+@(?:[\w.-]+|\[[\da-f:]+\])(?::\d+)?/\w*")
"""A database's address with a user and no password: no secret is in it, and a command with it can be typed again."""


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite address, whatever driver or parameters it names; None for any other address."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number raises ValueError
        return None
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database).removeprefix("file:"))


def password_apart(url: str) -> tuple[str, dict[str, str]]:
    """A PostgreSQL address without its password, and the variable that gives the password to a program instead.

    Everybody on a machine can read the arguments of a process.
    """
    from sqlalchemy import URL, make_url

    if not url.startswith("postgresql"):
        return url, {}
    address = make_url(url)
    if address.password is None:
        return url, {}
    # URL.set would keep the password, because it takes None for "unchanged".
    bare = URL.create(
        address.drivername, address.username, None, address.host, address.port, address.database, address.query
    )
    return bare.render_as_string(), {"PGPASSWORD": str(address.password)}


def shown_address(address: str) -> str:
    """A user's address in a form that may be shown: without user, password and secret parameters."""
    if _USER_ALONE.fullmatch(address):
        return address
    scheme, found, rest = address.partition("://")
    if not found:
        return "(not shown: it may hold a password)" if "@" in address else without_secrets(address)
    rest = re.sub(
        f"({_SECRET_NAME})[^&]*", r"\1***", rest.rpartition("@")[2], flags=re.IGNORECASE
    )  # a secret parameter is hidden up to the next &
    return without_secrets(f"{scheme}://" + ("***@" if "@" in address else "") + rest)


def without_secrets(text: str) -> str:
    """Any text in a form that may be shown, logged or raised.

    In each address everything between the scheme and the last @ is hidden. A password may contain an @, a space or a
    slash, and a library that parsed the address wrongly quotes a part of the password as the host. So everything
    before an @ is hidden.
    """
    if _USER_ALONE.fullmatch(text):
        return text
    text = re.sub(r"(\w[\w+.-]*://)(?:[^/?#\n]*@|[^\s]*@)", r"\1***@", text)
    text = re.sub(r"(?<!/)(?<![^\s'\"(])[^\s'\"/]*[^\s'\"/*]@(?=[\w\[.])", "***@", text)
    return _KEYWORD.sub(r"\1***", _SECRET.sub(r"\1***", text))


def in_one_line(error: BaseException) -> str:
    """An error's message in a form that may be shown; SQLAlchemy's message without the statement and its values."""
    said = str(error).split("[SQL:")[0].split("(Background on this error")[0]
    return shortened(without_secrets(" ".join(said.split())))


def in_few_words(error: BaseException) -> str:
    """The system's reason within an error that libraries wrapped around it, such as `Connection refused`."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    found = re.findall(r"\[Errno -?\d+\] ([^'\")\]]+)|([Tt]imed out)|error code (\d+)", str(error))
    if found:
        reason, late, code = found[-1]
        return (reason or late or f"HTTP {code}").strip().rstrip(".")
    return in_one_line(error)


def shortened(text: str, most: int = 200) -> str:
    """`text`, cut between two words to at most `most` characters."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " ..."
