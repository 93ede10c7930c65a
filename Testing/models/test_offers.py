"""Models from a catalogue: fetched on request, in parts if need be, and only what was promised is used."""

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import SpineLib.models
from SpineLib.errors import Cancelled, SpineError
from SpineLib.models import catalogue, export_bundle, import_bundle, list_bundles, remove_bundle
from SpineLib.models.offers import fetch, offer_of, read_offers
from SpinePanel.tinymodel import brightSpots


class _Server(http.server.SimpleHTTPRequestHandler):
    """Files with ranges; remembers what was asked for."""

    asked: list

    def do_GET(self):
        data = Path(self.translate_path(self.path)).read_bytes()
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """A catalogue with one model beside it, on the disk and at an address; no model is installed."""
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "models"))
    source = brightSpots(tmp_path / "made", "metastasis-segmentation", ("T1",), identifier="offered")
    (tmp_path / "there").mkdir()
    file = export_bundle(source, tmp_path / "there" / "offered.zip")
    entry = offer_of(SpineLib.models.load_bundle(source), file)

    def write(**changes):
        path = tmp_path / "there" / "catalogue.json"
        one = {key: value for key, value in (entry | changes).items() if value is not None}
        path.write_text(json.dumps({"format": 1, "models": [one]}))
        return path

    return write, file


@pytest.fixture
def address(offered):
    """Where a server of this machine offers it, and what it was asked for."""
    _, file = offered
    asked = []
    handler = type("Handler", (_Server,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(file.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/offered.zip", asked
    server.shutdown()
    server.server_close()


def test_a_catalogue_of_the_documented_form_is_read_and_the_schema_agrees(offered):
    write, _ = offered
    schema = json.loads((Path(SpineLib.models.__file__).parent / "offers.schema.json").read_text())
    path = write()
    Draft202012Validator(schema).validate(json.loads(path.read_text()))
    assert read_offers(path)[0].id == "offered"
    for changes in (
        {"sha256": "ab"},
        {"size": 0},
        {"file": None},
        {"file": None, "address": "ftp://x/y"},
        {"id": "../x"},
    ):
        path = write(**changes)
        assert not Draft202012Validator(schema).is_valid(json.loads(path.read_text()))
        with pytest.raises(SpineError, match="Model 1"):
            read_offers(path)


def test_a_model_on_the_disk_is_imported_without_any_network(offered):
    path = offered[0]()
    assert fetch(read_offers(path)[0], path).card.id == "offered"
    assert [card.id for _, card in list_bundles()] == ["offered"]
    remove_bundle("offered")


def test_a_fetch_that_was_stopped_goes_on_where_it_was(offered, address, monkeypatch, tmp_path):
    from SpineLib.models import offers

    monkeypatch.setattr(offers, "_CHUNK", 1000)
    where, asked = address
    path = offered[0](file=None, address=where)

    def stop(fraction, text):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(read_offers(path)[0], path, stop)
    assert not list_bundles()
    assert fetch(read_offers(path)[0], path).card.id == "offered"
    assert asked[0] is None and asked[1].startswith("bytes=") and asked[1] != "bytes=0-"
    assert [one.name for one in (tmp_path / "models").iterdir()] == ["offered"]


def test_another_file_than_promised_is_not_used(offered, address):
    path = offered[0](sha256="0" * 64)
    with pytest.raises(SpineError, match="not the one"):
        fetch(read_offers(path)[0], path)
    path = offered[0](file=None, address=address[0], size=100)
    with pytest.raises(SpineError, match="larger than"):
        fetch(read_offers(path)[0], path)
    assert not list_bundles()


def test_a_server_that_is_not_there_is_told_with_the_other_way(offered):
    path = offered[0](file=None, address="http://127.0.0.1:9/offered.zip")
    with pytest.raises(SpineError, match="spine models import"):
        fetch(read_offers(path)[0], path)


def test_an_exported_model_is_one_that_a_colleague_can_import(offered):
    _, file = offered
    assert import_bundle(file).card.id == "offered"
    with pytest.raises(SpineError, match="exists already"):
        export_bundle("offered", file)
