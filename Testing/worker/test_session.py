"""The session with a recorded transport and a clock under control: what real processes do too rarely or too slowly."""

import random
from pathlib import Path

import pytest

import SpineLib
from SpineLib.errors import Cancelled, SpineError
from SpineLib.worker import PrivateFolder, WorkerSession
from SpineLib.worker.protocol import LineBuffer, encode, parse_object

SAYINGS = [
    {"event": "progress", "fraction": 0.5, "text": "Segmenting"},
    {"event": "result", "result": {}},
    {"event": "error", "message": "No."},
    {"event": "cancelled"},
]


class RecordedTransport:
    """Remembers what the session did; the test says what the child does."""

    def __init__(self, on_output, on_finished):
        self.on_output, self.on_finished = on_output, on_finished
        self.started = False
        self.kills = 0
        self.sent = []

    def start(self):
        self.started = True

    def write(self, data):
        self.sent += [parse_object(line) for line in LineBuffer().feed(data)]

    def kill_tree(self):
        self.kills += 1

    def poll(self):
        pass

    def say(self, **message):
        self.on_output(encode(message))

    def ready(self, version=SpineLib.__version__):
        self.say(event="ready", version=version)


class Bench:
    def __init__(self):
        self.now = 0.0
        self.transports = []
        self.ends = []
        self.progress = []
        self.log = []
        self.session = WorkerSession(self._make, clock=lambda: self.now, on_log=self.log.append)

    def _make(self, on_output, on_finished):
        self.transports.append(RecordedTransport(on_output, on_finished))
        return self.transports[-1]

    @property
    def child(self):
        return self.transports[-1]

    def submit(self, folder=Path("folder"), on_progress=None, on_result=None, on_preview=None, **parameters):
        self.session.submit(
            "segment",
            parameters,
            folder,
            on_progress=on_progress or (lambda fraction, text: self.progress.append((fraction, text))),
            on_result=on_result or (lambda result: self.ends.append(("result", result))),
            on_error=lambda message, details: self.ends.append(("error", message, details)),
            on_cancelled=lambda: self.ends.append(("cancelled",)),
            on_preview=on_preview,
        )

    def pass_time(self, seconds):
        self.now += seconds
        self.session.tick()


@pytest.fixture
def bench():
    return Bench()


def test_the_job_is_sent_when_the_worker_is_ready_and_not_before(bench):
    bench.submit(model="mets")
    assert bench.session.state == "starting" and bench.child.started and bench.child.sent == []
    bench.child.ready()
    assert bench.session.state == "running"
    assert bench.child.sent == [{"id": 1, "job": "segment", "parameters": {"model": "mets"}, "folder": "folder"}]


def test_a_second_ready_does_not_send_the_job_again(bench):
    bench.submit()
    bench.child.ready()
    bench.child.ready()
    assert len(bench.child.sent) == 1


def test_events_of_a_job_that_is_over_are_ignored(bench):
    bench.submit()
    bench.child.ready()
    bench.child.say(id=1, event="result", result={"n": 1})
    bench.submit()
    bench.child.say(id=1, event="progress", fraction=0.9, text="late")
    bench.child.say(id=1, event="result", result={"n": 1})
    assert bench.session.state == "running"
    assert bench.progress == [] and bench.ends == [("result", {"n": 1})]


def test_a_result_that_crosses_the_cancel_is_dropped(bench):
    bench.submit()
    bench.child.ready()
    bench.session.cancel()
    assert bench.child.sent[-1] == {"cancel": 1}
    bench.child.say(id=1, event="progress", fraction=0.9, text="late")
    bench.child.say(id=1, event="result", result={})
    assert bench.ends == [("cancelled",)] and bench.progress == []
    assert bench.child.kills == 0


def test_a_job_that_does_not_end_is_killed_after_a_second_and_a_half_and_given_up_before_two(bench):
    bench.submit()
    bench.child.ready()
    bench.session.cancel()
    bench.pass_time(1.4)
    assert bench.child.kills == 0 and bench.ends == []
    bench.pass_time(0.1)
    assert bench.child.kills == 1 and bench.ends == []
    bench.pass_time(0.45)
    assert bench.ends == [("cancelled",)]
    zombie = bench.child
    bench.submit()
    assert len(bench.transports) == 2
    zombie.on_finished(-9, ["too late"])
    zombie.say(id=2, event="result", result={"from": "the dead"})
    assert bench.session.state == "starting" and bench.ends == [("cancelled",)]


def test_a_worker_that_never_gets_ready_is_given_up_with_one_sentence(bench):
    bench.submit()
    bench.pass_time(89)
    assert bench.ends == []
    bench.pass_time(2)
    assert bench.ends[0][:2] == ("error", "The worker did not start in time: try again, or restart the application.")
    assert bench.child.kills == 1 and bench.session.state == "idle"


def test_a_worker_of_another_version_is_refused(bench):
    bench.submit()
    bench.child.ready(version="0.0.1")
    assert bench.ends[0][0] == "error" and "another version" in bench.ends[0][1]
    assert bench.child.kills == 1 and bench.child.sent == []


def test_a_worker_that_fails_to_start_is_reported_with_its_last_lines(bench):
    bench.submit()
    bench.child.on_output(b"launcher: something is wrong\n")
    bench.child.on_finished(1, ["ModuleNotFoundError: no SpineLib"])
    kind, message, details = bench.ends[0]
    assert kind == "error" and message.startswith("The worker could not be started (code 1): ")
    assert details == "launcher: something is wrong\nModuleNotFoundError: no SpineLib"
    assert bench.log == ["launcher: something is wrong"]


def test_a_program_that_does_not_exist_is_one_sentence():
    from SpineLib.worker import SubprocessTransport

    session = WorkerSession(lambda out, end: SubprocessTransport(out, end, ["/no/such/python"]))
    with pytest.raises(SpineError, match="could not be started .*: reinstall"):
        session.warm_up()
    assert session.state == "idle"


def test_a_job_sent_to_a_worker_that_had_died_unnoticed_is_sent_to_a_new_one_but_only_once(bench):
    bench.submit()
    bench.child.ready()
    bench.child.say(id=1, event="result", result={})
    bench.submit()
    bench.child.on_finished(-15, [])
    assert len(bench.transports) == 2 and bench.session.state == "starting"
    bench.child.ready()
    assert bench.child.sent[0]["id"] == 2
    bench.child.on_finished(-11, ["Segmentation fault"])
    assert bench.ends[-1][0] == "error" and bench.ends[-1][2] == "Segmentation fault"
    assert len(bench.transports) == 2


def test_a_job_that_had_begun_is_not_run_twice(bench):
    bench.submit()
    bench.child.ready()
    bench.child.say(id=1, event="result", result={})
    bench.submit()
    bench.child.say(id=2, event="progress", fraction=0.1, text="Loading")
    bench.child.on_finished(-11, [])
    assert bench.ends[-1][0] == "error" and len(bench.transports) == 1


def test_a_panel_that_raises_cancelled_in_its_progress_cancels_the_job(bench):
    def progress(fraction, text):
        raise Cancelled

    bench.submit(on_progress=progress)
    bench.child.ready()
    bench.child.say(id=1, event="progress", fraction=0.1, text="Loading")
    assert bench.session.state == "cancelling" and bench.child.sent[-1] == {"cancel": 1}


def test_a_file_to_look_at_comes_with_its_path_in_the_jobs_folder_and_none_after_the_wish_to_cancel(bench):
    shown = []
    bench.submit(on_preview=shown.append)
    bench.child.ready()
    bench.child.say(id=1, event="progress", fraction=0.1, text="Repairing", file="preview-01.nrrd")
    bench.child.say(id=1, event="progress", fraction=0.2, text="Repairing")
    assert shown == [Path("folder", "preview-01.nrrd")] and len(bench.progress) == 2
    bench.session.cancel()
    bench.child.say(id=1, event="progress", fraction=0.3, text="Repairing", file="preview-02.nrrd")
    assert len(shown) == 1


def test_a_panel_that_looks_at_no_files_hears_of_the_progress_all_the_same(bench):
    bench.submit()
    bench.child.ready()
    bench.child.say(id=1, event="progress", fraction=0.1, text="Repairing", file="preview-01.nrrd")
    assert bench.progress == [(0.1, "Repairing")]


def test_a_panel_that_fails_in_its_progress_does_not_lose_the_result_that_came_with_it(bench):
    def progress(fraction, text):
        raise RuntimeError("panel is broken")

    bench.submit(on_progress=progress)
    bench.child.ready()
    messages = [
        {"id": 1, "event": "progress", "fraction": 0.1, "text": "Loading"},
        {"id": 1, "event": "result", "result": {}},
    ]
    with pytest.raises(RuntimeError):
        bench.child.on_output(b"".join(encode(message) for message in messages))
    bench.session.tick()
    assert bench.ends == [("result", {})]


def test_a_private_folder_is_there_for_the_result_and_gone_afterwards_even_when_the_panel_fails(bench, tmp_path):
    folder = PrivateFolder(tmp_path)
    seen = []

    def result(_):
        seen.append(folder.path.is_dir())
        raise RuntimeError("panel is broken")

    bench.submit(folder=folder, on_result=result)
    bench.child.ready()
    with pytest.raises(RuntimeError):
        bench.child.say(id=1, event="result", result={})
    assert seen == [True] and not folder.path.exists()
    assert bench.session.state == "idle"


def test_a_folder_that_is_not_private_is_left_as_it_is(bench, tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    bench.submit(folder=tmp_path)
    bench.child.ready()
    bench.child.say(id=1, event="cancelled")
    assert (tmp_path / "kept.txt").exists()


def test_a_parameter_that_is_no_json_leaves_the_session_idle(bench):
    with pytest.raises(TypeError):
        bench.submit(volume=object())
    assert bench.session.state == "idle" and bench.transports == []


def test_cancel_without_a_job_and_close_twice_do_nothing(bench):
    bench.session.cancel()
    bench.session.close()
    bench.session.close()
    bench.session.tick()
    assert bench.ends == [] and bench.transports == []


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_in_whatever_order_each_job_has_exactly_one_end(bench, seed):
    source = random.Random(seed)
    submitted = 0

    def child_says():
        bench.child.say(id=source.choice([submitted, submitted - 1, 99]), **source.choice(SAYINGS))

    for _ in range(300):
        busy = bench.session.state != "idle"
        if not busy:
            assert len(bench.ends) == submitted
            bench.submit()
            submitted += 1
            continue
        source.choice(
            [
                child_says,
                bench.child.ready,
                bench.session.cancel,
                lambda: bench.child.on_output(source.randbytes(20)),
                lambda: bench.child.on_finished(source.choice([0, -9, 1]), []),
                lambda submitted=submitted: source.choice(bench.transports).say(id=submitted, **source.choice(SAYINGS)),
                lambda: bench.pass_time(source.choice([0.1, 1.0, 40.0])),
            ]
        )()
        assert len(bench.ends) in (submitted - 1, submitted)
    bench.session.cancel()
    bench.pass_time(2.0)
    assert len(bench.ends) == submitted > 20 and bench.session.state == "idle"


def test_the_client_brings_neither_torch_nor_numpy(repository):
    import subprocess
    import sys

    code = "import sys, SpineLib.worker; print([m for m in ('torch', 'numpy', 'SimpleITK') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]"
