"""A session with a real child process, driven by a loop as a Qt timer would drive it."""

import sys
import time
from pathlib import Path

import pytest

from SpineLib.worker import PrivateFolder, SubprocessTransport, WorkerSession

SCRIPT = Path(__file__).with_name("worker_with_test_jobs.py")


class Driver:
    """Runs jobs in a session and keeps what came back."""

    def __init__(self, folders: Path):
        self._folders = folders
        self.launcher: list[str] = []
        self.log: list[str] = []
        self.transports: list[SubprocessTransport] = []
        self.session = WorkerSession(self._transport, on_log=self.log.append)
        self.progress: list[tuple[float, float, str]] = []
        self.previews: list[tuple[str, str]] = []
        self.ends: list[tuple] = []

    def _transport(self, on_output, on_finished):
        command = [*self.launcher, sys.executable, str(SCRIPT)]
        self.transports.append(SubprocessTransport(on_output, on_finished, command))
        return self.transports[-1]

    def submit(self, job, folder=None, **parameters):
        """Starts a job; its folder is private unless given."""
        self.progress, self.previews, self.ends = [], [], []
        self.session.submit(
            job,
            parameters,
            folder or PrivateFolder(self._folders),
            on_progress=lambda fraction, text: self.progress.append((time.monotonic(), fraction, text)),
            on_result=lambda result: self.ends.append(("result", result)),
            on_error=lambda message, details: self.ends.append(("error", message, details)),
            on_cancelled=lambda: self.ends.append(("cancelled",)),
            on_preview=lambda path: self.previews.append((path.name, path.read_text(encoding="utf-8"))),
        )

    def wait(self, condition, seconds=20.0):
        """Ticks until the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"nothing came in time; state {self.session.state}, so far {self.ends}"
            self.session.tick()
            time.sleep(0.005)

    def finish(self, seconds=20.0):
        """Ticks until the job is over and returns its one end."""
        self.wait(lambda: self.session.state == "idle", seconds)
        assert len(self.ends) == 1
        return self.ends[0]

    def run(self, job, **parameters):
        self.submit(job, **parameters)
        return self.finish()

    def files_left(self) -> list[Path]:
        """All that is still in the folders for jobs."""
        return list(self._folders.rglob("*"))


@pytest.fixture
def driver(tmp_path):
    driver = Driver(tmp_path)
    yield driver
    driver.session.close()
