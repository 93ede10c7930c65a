"""How the worker ends: cancelled, killed, left alone by its parent; nothing stays behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).with_name("worker_with_test_jobs.py")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def _is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until_gone(pid, seconds=5.0):
    end = time.monotonic() + seconds
    while _is_running(pid):
        assert time.monotonic() < end, f"process {pid} still runs"
        time.sleep(0.02)


def _grandchild(driver):
    driver.wait(lambda: any("Grandchild" in text for _, _, text in driver.progress))
    text = next(text for _, _, text in driver.progress if "Grandchild" in text)
    return int(text.split()[1])


def test_a_job_that_reports_progress_is_cancelled_at_once_and_the_worker_stays(driver):
    driver.submit("count", steps=1000, pause=0.02)
    driver.wait(lambda: len(driver.progress) > 2)
    start = time.monotonic()
    driver.session.cancel()
    assert driver.session.state == "cancelling"
    assert driver.finish() == ("cancelled",)
    assert time.monotonic() - start < 1.0
    assert driver.run("count", steps=2) == ("result", {"steps": 2})
    assert len(driver.transports) == 1
    assert driver.files_left() == []


def test_a_stuck_job_is_killed_with_all_it_started_within_two_seconds(driver):
    driver.submit("stuck")
    grandchild = _grandchild(driver)
    temporary = Path(driver.progress[-1][2].split()[2])
    assert temporary.exists()
    start = time.monotonic()
    driver.session.cancel()
    driver.session.cancel()
    assert driver.finish() == ("cancelled",)
    assert time.monotonic() - start < 2.0
    _wait_until_gone(grandchild)
    _wait_until_gone(driver.transports[0].pid)
    assert driver.files_left() == [] and not temporary.exists()
    assert driver.run("count", steps=2) == ("result", {"steps": 2})


def test_a_job_cancelled_before_the_worker_is_ready_never_runs(driver):
    driver.submit("echo", text="never")
    driver.session.cancel()
    assert driver.ends == [("cancelled",)]
    assert driver.files_left() == []
    assert driver.run("count", steps=1) == ("result", {"steps": 1})


@POSIX
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_worker_that_dies_in_mid_job_is_reported_with_its_last_lines_and_the_next_job_runs(driver, name):
    end, message, details = driver.run("die", inputs={"T1": "/data/Müller_Erika/T1.nrrd"}, signal=name)
    assert end == "error"
    assert message.startswith("The worker ")
    assert ("memory ran out" in message) == (name == "SIGKILL")
    assert "last words about <inputs.T1>" in details
    assert "Müller" not in message + details
    assert driver.files_left() == []
    assert driver.run("count", steps=2) == ("result", {"steps": 2})
    assert len(driver.transports) == 2


def test_a_worker_that_died_between_two_jobs_is_replaced_without_a_word(driver):
    driver.run("count", steps=1)
    victim = psutil.Process(driver.transports[0].pid)
    victim.kill()
    psutil.wait_procs([victim], timeout=5)
    assert driver.run("count", steps=2) == ("result", {"steps": 2})
    assert len(driver.transports) == 2


def test_closing_the_session_in_mid_job_leaves_no_process_and_no_file(driver):
    driver.submit("stuck")
    grandchild = _grandchild(driver)
    start = time.monotonic()
    driver.session.close()
    assert time.monotonic() - start < 0.5
    _wait_until_gone(driver.transports[0].pid)
    _wait_until_gone(grandchild)
    assert driver.ends == [] and driver.session.state == "idle"
    assert driver.files_left() == []


@POSIX
@pytest.mark.parametrize(("job", "end"), [("stuck", "cancel"), ("frozen", "cancel"), ("frozen", "close")])
def test_a_worker_behind_a_launcher_as_in_slicer_is_killed_with_all_it_started(driver, job, end):
    driver.launcher = ["/bin/sh", "-c", '"$0" "$@"; exit $?']
    driver.submit(job)
    grandchild = _grandchild(driver)
    launcher = psutil.Process(driver.transports[0].pid)
    family = [launcher.pid, *(child.pid for child in launcher.children(recursive=True))]
    assert grandchild in family and len(family) == 3
    if end == "cancel":
        driver.session.cancel()
        assert driver.finish() == ("cancelled",)
    else:
        driver.session.close()
    for pid in family:
        _wait_until_gone(pid)
    assert driver.files_left() == []


@POSIX
def test_a_launcher_that_is_killed_while_the_worker_still_starts_leaves_no_worker_behind(driver):
    driver.launcher = ["/bin/sh", "-c", '"$0" "$@"; exit $?']
    driver.submit("count")
    launcher = psutil.Process(driver.transports[0].pid)
    while not (children := launcher.children()):
        time.sleep(0.002)
    driver.session.close()
    _wait_until_gone(launcher.pid)
    _wait_until_gone(children[0].pid)


PARENT = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from SpineLib.worker import PrivateFolder, SubprocessTransport, WorkerSession
session = WorkerSession(lambda out, end: SubprocessTransport(out, end, [sys.executable, {script!r}]))
session.submit({job!r}, {parameters!r}, PrivateFolder(Path({folders!r})),
    on_progress=lambda fraction, text: print(session._worker_pid, text, flush=True),
    on_result=print, on_error=print, on_cancelled=print)
while True:
    session.tick()
    time.sleep(0.01)
"""


@pytest.mark.parametrize(("job", "parameters"), [("count", {"steps": 5000}), ("stuck", {})])
def test_the_parents_sudden_death_ends_the_worker_in_mid_job_and_removes_the_folder(tmp_path, job, parameters):
    code = PARENT.format(
        root=str(Path(__file__).resolve().parents[2]),
        script=str(SCRIPT),
        folders=str(tmp_path),
        job=job,
        parameters=parameters,
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        words = parent.stdout.readline().split()
        pids = [int(words[0])]
        while job == "stuck" and "Grandchild" not in words:
            words = parent.stdout.readline().split()
        pids += [int(words[2])] if job == "stuck" else []
        assert len(list(tmp_path.iterdir())) == 1
        parent.kill()
    for pid in pids:
        _wait_until_gone(pid)
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_an_interrupt_in_the_terminal_is_the_parents_and_does_not_end_the_job(driver):
    driver.submit("count", steps=40, pause=0.02)
    driver.wait(lambda: len(driver.progress) > 2)
    psutil.Process(driver.transports[0].pid).send_signal(signal.SIGINT)
    assert driver.finish() == ("result", {"steps": 40})


@POSIX
def test_the_worker_leads_its_own_group_even_when_started_in_the_parents(tmp_path):
    import os

    process = subprocess.Popen([sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    assert os.getpgid(process.pid) == process.pid != os.getpgrp()
    process.stdin.close()
    process.wait(5)
    process.stdout.close()
