"""DICOM series: which ones a folder holds, and one of them as a volume."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_header import read_header
from SpineLib.volume.dicom_order import Stack, along_normal, numbering_notes, stack_of
from SpineLib.volume.dicom_pictures import Picture, apart_words
from SpineLib.volume.dicom_pixels import read_pixels, same_pixels
from SpineLib.volume.dicom_scan import Scan, scan_files, scan_folder
from SpineLib.volume.found import Found, lowered, volume_of
from SpineLib.volume.header_words import fields_of_dicom
from SpineLib.volume.told import MODALITY, NOTES, READ, with_header
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class DicomSeries:
    """One series of a folder; nothing in it identifies the patient except the UID, which no message shows.

    Attributes:
        uid: of the series.
        number: as it stands in the header; several series may share it.
        description: of the series.
        modality: "MR", "CT" ...
        files: of its pictures; in order where :func:`ordered_series` gives it.
        key: what it is chosen by, as in ``folder#3``: its number, with ".1", ".2" ... where several share one.
        slices: how many pictures.
    """

    uid: str
    number: str
    description: str
    modality: str
    files: tuple[str, ...]
    key: str
    slices: int

    @property
    def summary(self) -> str:
        """One line for a list the user chooses from."""
        description = self.description or "no description"
        return f"{self.key}: {description} ({self.modality}, {self.slices} slices)"


def list_dicom_series(folder: str | Path) -> list[DicomSeries]:
    """The series of images in a folder (not in folders below it), by number.

    Raises:
        SpineError: no permission, or no DICOM image there.
    """
    return [series for series, _ in _series(scan_folder(folder))]


def ordered_series(folder: str | Path, series: str | None = None, name: str = "") -> tuple[DicomSeries, Stack]:
    """One series with its files along the slices' normal, and the grid of its slices.

    Arguments and errors are those of :func:`read_dicom`; the voxels are looked at only where slices are there twice.
    """
    return _ordered(scan_folder(folder), series, f"The {name or 'DICOM'} series")


def read_dicom(folder: str | Path, series: str | None = None, name: str = "") -> Volume:
    """Read one series of a folder.

    Args:
        folder: where the slices lie, each in a file, or all in one of many frames.
        series: key or UID of the series; needed when the folder holds several.
        name: label of the volume for messages.

    Returns:
        The volume; what the user should know of the reading is told by :func:`~SpineLib.volume.told.notes_of`.

    Raises:
        SpineError: several series and none chosen (the message lists them), slices missing, unevenly spaced or tilted
            against each other (gantry tilt), files that look like slices and cannot be read.
    """
    return _read(scan_folder(folder), series, name)


def read_dicom_file(file: str | Path, name: str = "") -> Volume:
    """Read a DICOM file of many frames.

    Raises:
        SpineError: it holds one slice of a series, or as :func:`read_dicom`.
    """
    scan = scan_files([Path(file)])
    if len(scan.pictures) == 1:
        label = f"The {name} file" if name else "The image file"
        raise SpineError(f"{label} is one slice of a DICOM series; give the folder with all of its slices.")
    return _read(scan, None, name)


def _read(scan: Scan, series: str | None, name: str) -> Volume:
    label = f"The {name} series" if name else "The DICOM series"
    chosen, stack = _ordered(scan, series, label)
    array, notes = read_pixels(stack.pictures, label)
    notes = [*stack.notes, *notes, *numbering_notes(stack.pictures, label)]
    read = f"DICOM series {chosen.key}, {len(array)} slices of {array.shape[2]} x {array.shape[1]} pixels"
    meta = {MODALITY: chosen.modality, READ: read, NOTES: tuple(notes)}
    volume = volume_of(Found(array, stack.spacing, stack.origin, stack.direction), name, label, meta)
    return with_header(volume, fields_of_dicom(read_header(chosen.files[0])))


def _ordered(scan: Scan, series: str | None, label: str) -> tuple[DicomSeries, Stack]:
    found = _series(scan)
    fitting = [one for one in found if series is None or series in (one[0].uid, one[0].key)]
    if len(fitting) != 1 and series is not None:
        fitting = fitting or [one for one in found if series == one[0].number]
    if len(fitting) != 1:
        listed = "; ".join(one.summary for one, _ in fitting or found)
        count = len(fitting) or f"no series '{(series or '')[:64]}' but {len(found)}"
        raise SpineError(f"The folder holds {count} DICOM series, choose one by its number (folder#3): {listed}.")
    if scan.unread:
        raise SpineError(
            f"{_count(len(scan.unread), 'file')} of the folder should be slices and cannot be read (empty, cut off, "
            "packed, or links to nothing); copy or export the series again."
        )
    [(chosen, pictures)] = fitting
    placed = [one for one in pictures if one.position is not None]
    if len(placed) < len(pictures):
        raise SpineError(
            f"{_count(len(pictures) - len(placed), 'image')} of {lowered(label)} "
            f"do not tell their place in the patient; export it again, complete."
        )
    together = _check_belonging(pictures, label)
    pictures, notes = _once(pictures, label)
    notes = [*together, *notes]
    stack = stack_of(pictures, label)
    files = tuple(dict.fromkeys(one.file for one in stack.pictures))
    return replace(chosen, files=files, slices=len(stack.pictures)), replace(stack, notes=[*notes, *stack.notes])


def _series(scan: Scan) -> list[tuple[DicomSeries, list[Picture]]]:
    """Each series with its pictures; of those that hold several images of each place a series for each kind."""
    groups: dict[tuple[str, ...], list[Picture]] = defaultdict(list)
    for picture in scan.pictures:
        # Where an anonymiser has blanked the UIDs, number and description tell series apart.
        groups[picture.series[:1] if picture.series[0] else picture.series].append(picture)
    placed = {key: found for key, found in groups.items() if any(one.position is not None for one in found)}
    if not placed:
        raise SpineError(_why_none(scan))
    parts = [(first, words, part) for key in placed for first, words, part in _kinds_apart(placed[key])]
    parts.sort(key=lambda one: (_number(one[0].series[1]), one[0].series[0], one[1]))
    numbers, seen = Counter(first.series[1] for first, _, _ in parts), Counter[str]()
    series = []
    for first, words, part in parts:
        uid, number, description, modality = first.series
        seen[number] += 1
        key = number or "n"
        if numbers[number] > 1 or not number:
            key += f".{seen[number]}" if number else f"{seen[number]}"
        files = tuple(dict.fromkeys(one.file for one in part))
        named = f"{description}, {words}" if words else description
        series.append((DicomSeries(uid, number, named, modality, files, key, len(part)), part))
    return series


def _kinds_apart(pictures: list[Picture]) -> list[tuple[Picture, str, list[Picture]]]:
    """The pictures of a series, parted by echo, time or kind where there are several of a place and that parts them."""
    alone = [(pictures[0], "", pictures)]
    places = Counter(_place(one) for one in pictures)
    if max(places.values()) == 1 or None in places:
        return alone
    told = [key for key in apart_keys(pictures) if len({one.apart.get(key, "") for one in pictures}) > 1]
    for keys in ([key] for key in told) if told else ():
        if parted := _parted(pictures, keys):
            return parted
    return (_parted(pictures, told) if len(told) > 1 else None) or alone


def apart_keys(pictures: Sequence[Picture]) -> list[str]:
    """What any of them says to be told apart by, in order."""
    return list(dict.fromkeys(key for one in pictures for key in one.apart))


def _parted(pictures: list[Picture], keys: list[str]) -> list[tuple[Picture, str, list[Picture]]] | None:
    """The pictures by the values of ``keys``; None where a part has several of a place, or is one slice."""
    parts: dict[tuple[str, ...], list[Picture]] = defaultdict(list)
    for one in pictures:
        parts[tuple(one.apart.get(key, "") for key in keys)].append(one)
    if any(max(Counter(_place(one) for one in part).values()) > 1 or len(part) < 2 for part in parts.values()):
        return None
    return [
        (part[0], ", ".join(f"{apart_words(key)} {_short(value)}" for key, value in zip(keys, values)), part)
        for values, part in parts.items()
    ]


def _check_belonging(pictures: list[Picture], label: str) -> list[str]:
    """Refuse slices of several patients, as they lie in one series where UIDs were blanked or given twice; a sentence
    where their places are told in several frames of reference."""
    if len({one.patient for one in pictures} - {""}) > 1:
        raise SpineError(f"{label} holds slices of several patients; put each patient's into a folder of its own.")
    if len({one.space for one in pictures} - {""}) > 1:
        return [
            f"The slices of {lowered(label)} tell several frames of reference: they may come from several scans, or "
            "places that do not fit together; check that they do."
        ]
    return []


def _once(pictures: list[Picture], label: str) -> tuple[list[Picture], list[str]]:
    """The pictures without those that are there twice, pixel by pixel, and a sentence on that."""
    along_normal(pictures, label)  # refuses what has no place
    places: dict[tuple | None, list[Picture]] = defaultdict(list)
    for one in pictures:
        places[_place(one)].append(one)
    if max(map(len, places.values())) == 1:
        return pictures, []
    kept = []
    for there in places.values():
        different: list[Picture] = []
        for one in there:
            if not any(same_pixels(one, other) for other in different):
                different.append(one)
        kept += different
    left = len(pictures) - len(kept)
    if len(kept) != len(places) or not left:
        return pictures, []
    return kept, [f"{label} holds {_count(left, 'slice')} twice, pixel by pixel; each was read once."]


def _place(picture: Picture) -> tuple | None:
    if picture.position is None or picture.orientation is None:
        return None
    return tuple(round(value, 2) for value in (*picture.position, *picture.orientation))


def _why_none(scan: Scan) -> str:
    if scan.pictures:
        several = {one.frame is not None for one in scan.pictures}
        kind = "multi-frame images" if several == {True} else "images"
        return (
            f"The folder holds DICOM {kind} that do not tell their place in the patient (screenshots or secondary "
            "captures); choose the series itself."
        )
    if scan.unread:
        return (
            f"{_count(len(scan.unread), 'file')} of the folder should be DICOM images and cannot be read (empty, cut "
            "off, packed, or links to nothing); copy or export the series again."
        )
    if scan.others - {""}:
        found = ", ".join(sorted(scan.others - {""}))
        return f"The folder holds no images but other DICOM objects ({found}); choose the images."
    return "The folder holds no DICOM images; choose the folder with the slices themselves."


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 10**9


def _short(value: str) -> str:
    return value.split("\\")[2] if value.count("\\") > 2 else value[:32]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
