"""The protocol: bytes in, events out, and nothing that can be sent makes it fail."""

import json
import random
import tracemalloc

import pytest

from SpineLib.worker.protocol import Event, EventReader, LastLines, LineBuffer, encode, parse_event, parse_object

MESSAGES = [
    {"event": "ready", "version": "0.1.0", "pid": 4711},
    {"id": 1, "event": "progress", "fraction": 0.4, "text": "Wirbel\nkörper \u2028"},
    {"id": 1, "event": "error", "message": "Nein.", "details": "Zeile 1\nZeile 2"},
    {"id": 2, "event": "result", "result": {"labels": "labels.nrrd"}},
    {"id": 3, "event": "cancelled"},
    {"id": 1, "event": "progress", "fraction": 0.5, "text": "Repairing", "file": "preview-03.nrrd"},
]
EVENTS = [
    Event("ready", version="0.1.0", pid=4711),
    Event("progress", 1, fraction=0.4, text="Wirbel\nkörper \u2028"),
    Event("error", 1, text="Nein.", details="Zeile 1\nZeile 2"),
    Event("result", 2, result={"labels": "labels.nrrd"}),
    Event("cancelled", 3),
    Event("progress", 1, fraction=0.5, text="Repairing", file="preview-03.nrrd"),
]


def test_a_message_is_one_line_of_ascii():
    line = encode({"text": "ä\n\r\u2028\ud800"})
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii()
    assert parse_object(line)["text"] == "ä\n\r\u2028\ud800"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_pieces_of_any_size_give_the_same_events(size):
    data = b"".join(encode(message) for message in MESSAGES)
    reader = EventReader()
    events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    assert events == EVENTS


def test_line_ends_of_windows_and_empty_lines_do_no_harm():
    data = b"\r\n\n" + encode(MESSAGES[4]).replace(b"\n", b"\r\n")
    assert EventReader().feed(data) == [EVENTS[4]]


@pytest.mark.parametrize(
    "line",
    [
        b"plain noise",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'"event"',
        b"{",
        b'{"event": "progress"}',
        b'{"id": 1, "event": "progress", "fraction": "half", "text": ""}',
        b'{"id": 1, "event": "progress", "fraction": true, "text": ""}',
        b'{"id": "1", "event": "cancelled"}',
        b'{"id": 1, "event": "result", "result": 5}',
        b'{"id": 1, "event": "error"}',
        b'{"id": 1, "event": "something else"}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_message_becomes_noise(line):
    assert parse_event(line).kind == "noise"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("0.25", 0.25), ("-3", 0.0), ("7", 1.0), ("NaN", 0.0), ("Infinity", 1.0), ("1e999", 1.0), ("9" * 400, 1.0)],
)
def test_a_fraction_outside_0_to_1_is_brought_inside(sent, shown):
    assert parse_event(b'{"id": 1, "event": "progress", "fraction": %s, "text": ""}' % sent.encode()).fraction == shown


@pytest.mark.parametrize(
    "name",
    ["../secret.nrrd", "a/b.nrrd", "/etc/passwd", r"..\secret", "C:secret", "..", ".", "", "a\0b", 5, None, ["a"]],
)
def test_a_file_that_is_no_bare_name_leads_nowhere_and_the_progress_still_counts(name):
    message = {"id": 1, "event": "progress", "fraction": 0.5, "text": "Repairing", "file": name}
    assert parse_event(encode(message)) == Event("progress", 1, fraction=0.5, text="Repairing")


def test_random_bytes_never_raise_and_never_hide_the_message_after_them():
    source = random.Random(2)
    reader = EventReader()
    for _ in range(2000):
        noise = source.randbytes(source.randrange(200))
        if source.random() < 0.5:  # a real message with some bytes changed
            noise = bytearray(encode(source.choice(MESSAGES)))
            for _ in range(source.randrange(1, 5)):
                noise[source.randrange(len(noise))] = source.randrange(256)
        events = reader.feed(bytes(noise)) + reader.feed(b"\n" + encode(MESSAGES[3]))
        assert events[-1] == EVENTS[3]


def test_a_line_without_end_is_dropped_and_does_not_fill_the_memory():
    buffer = LineBuffer(longest=100_000)
    piece = b"x" * 50_000
    tracemalloc.start()
    for _ in range(500):
        assert buffer.feed(piece) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert buffer.feed(b"end\nnext\n") == [b"next"]


def test_a_long_line_within_the_limit_arrives_whole():
    result = {"lesions": ["x" * 100] * 20_000}
    line = encode({"id": 1, "event": "result", "result": result})
    reader = EventReader()
    events = [event for at in range(0, len(line), 4096) for event in reader.feed(line[at : at + 4096])]
    assert json.dumps(events[0].result) == json.dumps(result)


def test_the_last_lines_are_kept_with_the_unfinished_one():
    last = LastLines(count=3)
    assert last.feed(b"eins\nzwei\ndr") == ["eins", "zwei"]
    last.feed("ei\n\n\nvier\n\xff und f".encode("latin-1"))
    assert last.lines() == ["zwei", "drei", "vier", "\ufffd und f"]


def test_last_lines_are_short_even_when_the_child_writes_long_ones():
    last = LastLines(longest=10)
    last.feed(b"y" * 1000 + b"\n")
    assert last.lines() == ["y" * 10]
