"""A PostgreSQL server of the tests' own: Debian's programs, a temporary folder, loopback, a free port, a password."""

import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

import sqlalchemy

USER, PASSWORD = "searcher", "hush-3f7a9c"
_VERSIONS = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest version's; None where it is not installed."""
    found = sorted(_VERSIONS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PostgreSQL:
    """A server that can be stopped, restarted and started again, without losing what it holds."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self._bin, self._folder = bin_folder, folder
        # It refuses to be run by root.
        self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self._user:
            postgres = pwd.getpwnam("postgres")
            os.chown(folder, postgres.pw_uid, postgres.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        self._run(
            "initdb", "-D", f"{folder}/data", "-U", USER, "-A", "scram-sha-256", "--pwfile", f"{folder}/password",
            "--no-sync", "--locale=C", "--encoding=UTF8",
        )  # fmt: skip
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """A new, empty database; returns its address."""
        self.query("postgres", f'CREATE DATABASE "{database}"')
        return self.url(database)

    def query(self, database: str, statement: str) -> list[tuple[object, ...]]:
        engine = sqlalchemy.create_engine(self.url(database), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(sqlalchemy.text(statement))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k '' -c fsync=off -c max_connections=50"
        self._run(
            "pg_ctl",
            "start",
            "-w",
            "-t",
            "60",
            "-D",
            f"{self._folder}/data",
            "-o",
            options,
            "-l",
            f"{self._folder}/log",
        )

    def stop(self) -> None:
        """Ends every connection at once, as a restart of the service does."""
        self._run("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", f"{self._folder}/data")

    def restart(self, away: float = 0.0) -> None:
        self.stop()
        time.sleep(away)
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._bin / program), *arguments]
        with (self._folder / "programs.log").open("ab") as log:  # a pipe would be held open by the server
            ran = subprocess.run(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120
            )
        assert ran.returncode == 0, (self._folder / "programs.log").read_text()[-2000:]
