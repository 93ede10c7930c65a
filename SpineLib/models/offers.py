"""A catalogue of models that can be had elsewhere: a JSON file; each is fetched on request alone, and checked.

``offers.schema.json`` beside this file is the form. Nothing is fetched by itself, and none is needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle, file_sha256
from SpineLib.models.card import is_id
from SpineLib.models.catalogue import LARGEST_BYTES, import_bundle, user_folder
from SpineLib.progress import Progress, silent
from SpineLib.volume.json_object import json_object

FORMAT = 1
_CHUNK, _SECONDS = 1 << 18, 30
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Offer:
    """A model that can be had.

    Attributes:
        id, version, title, task, licence: as in its card.
        source: an address (https, http), or a path, relative to the catalogue.
        sha256, size: of the zip file, hexadecimal and bytes.
    """

    id: str
    version: str
    title: str
    task: str
    licence: str
    source: str
    sha256: str
    size: int

    @property
    def is_address(self) -> bool:
        """Whether it comes over the network."""
        return urllib.parse.urlparse(self.source).scheme in ("http", "https")


def default_catalogue() -> Path:
    """The environment's SPINE_CATALOGUE, else ``catalogue.json`` among the user's models.

    Raises:
        SpineError: the system knows no home folder of this user.
    """
    named = os.environ.get("SPINE_CATALOGUE")
    return Path(named) if named else user_folder() / "catalogue.json"


def read_offers(path: Path) -> list[Offer]:
    """What a catalogue offers.

    Raises:
        SpineError: there is no such file, or an entry is not of the form.
    """
    if not path.is_file():
        raise SpineError(
            f"There is no catalogue '{path.name}'; get one from whom you want models from, or import a file."
        )
    known = json_object(path)
    if known.get("format") != FORMAT or not isinstance(known.get("models"), list):
        raise SpineError(f"'{path.name}' is no catalogue of format {FORMAT}; get it again.")
    return [_offer(number, entry) for number, entry in enumerate(known["models"], start=1)]


def _offer(number: int, entry: Any) -> Offer:
    def refuse(key: str, wish: str) -> SpineError:
        return SpineError(f"Model {number} of the catalogue has a wrong '{key}'; it must be {wish}.")

    entry = entry if isinstance(entry, dict) else {}
    for key in ("id", "version", "title", "task", "licence", "sha256"):
        if not isinstance(entry.get(key), str):
            raise refuse(key, "text")
    source = entry.get("address") or entry.get("file")
    if not is_id(entry["id"]):
        raise refuse("id", "lower-case letters, digits, '.', '-' or '_'")
    if not isinstance(source, str) or ("address" in entry) == ("file" in entry):
        raise refuse("address", "either an 'address' or a 'file'")
    scheme = urllib.parse.urlparse(source).scheme
    if "address" in entry and scheme not in ("https", "http"):
        raise refuse("address", "an address that begins with https:// or http://")
    if not _SHA256.fullmatch(entry["sha256"]):
        raise refuse("sha256", "64 hexadecimal digits in lower case")
    size = entry.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST_BYTES:
        raise refuse("size", f"the bytes of the file, up to {LARGEST_BYTES}")
    texts = {key: entry[key] for key in ("id", "version", "title", "task", "licence", "sha256")}
    return Offer(**texts, source=source, size=size)


def fetch(offer: Offer, beside: Path, progress: Progress = silent) -> ModelBundle:
    """Get a model, check it, and import it; what was fetched before an interruption is not fetched again.

    Args:
        offer: of a catalogue.
        beside: the catalogue, to which a file's path is relative.
        progress: may raise ``Cancelled``.

    Raises:
        SpineError: it cannot be had, is not what the catalogue promises, or is no sound model.
    """
    if not offer.is_address:
        path = beside.parent / offer.source
        if not path.is_file():
            raise SpineError(f"The file '{path.name}' of the model '{offer.id}' is not beside the catalogue.")
        return _import(offer, path)
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".fetching-{offer.sha256[:16]}.zip"
    try:
        _download(offer, part, progress)
        progress(1.0, "Checking")
        bundle = _import(offer, part)
    except urllib.error.HTTPError as error:
        raise SpineError(f"The model '{offer.id}' cannot be fetched: the server answered {error.code}.") from error
    except OSError as error:  # URLError is one
        raise SpineError(
            f"The model '{offer.id}' cannot be fetched: {getattr(error, 'reason', error)}. Try again, it goes on where "
            "it stopped; or get the file by other means and use 'spine models import'."
        ) from error
    part.unlink(missing_ok=True)
    return bundle


def _download(offer: Offer, part: Path, progress: Progress) -> None:
    there = part.stat().st_size if part.is_file() else 0
    if there > offer.size:
        part.unlink()
        there = 0
    if there == offer.size:
        return
    request = urllib.request.Request(offer.source, headers={"Range": f"bytes={there}-"} if there else {})
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        if urllib.parse.urlparse(answer.geturl()).scheme not in ("http", "https"):
            raise SpineError(f"The address of the model '{offer.id}' leads elsewhere and is refused.")
        going_on = there and answer.status == 206
        with open(part, "ab" if going_on else "wb") as file:
            done = there if going_on else 0
            while chunk := answer.read(_CHUNK):
                done += len(chunk)
                if done > offer.size:
                    raise SpineError(f"The file of the model '{offer.id}' is larger than the catalogue promises.")
                file.write(chunk)
                progress(done / offer.size, f"{done / 1e6:.1f} of {offer.size / 1e6:.1f} MB")


def _import(offer: Offer, path: Path) -> ModelBundle:
    if path.stat().st_size < offer.size and offer.is_address:
        raise OSError("the connection ended early")
    if path.stat().st_size != offer.size or file_sha256(path) != offer.sha256:
        if offer.is_address:
            path.unlink()
        raise SpineError(
            f"The file of the model '{offer.id}' is not the one that the catalogue promises; it was not used."
        )
    bundle = import_bundle(path)
    if bundle.card.id != offer.id:
        raise SpineError(f"The catalogue's model '{offer.id}' calls itself '{bundle.card.id}'; remove it if unwanted.")
    return bundle


def offer_of(bundle: ModelBundle, file: Path) -> dict[str, Any]:
    """The entry of a catalogue for a bundle's zip file that lies beside it."""
    card = bundle.card
    return {
        "id": card.id,
        "version": card.version,
        "title": card.title,
        "task": card.task,
        "licence": card.licence,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "size": file.stat().st_size,
    }
