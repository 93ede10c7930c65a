"""Public data sets of spines in the form that trainings read: SPIDER, VerSe, Spine-Mets-CT-SEG and DeepLesion."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from SpineLab.cohort.writer import Patient, Source
from SpineLab.training.ct_lesions.deeplesion import DeepLesionImage, DeepLesionMark, read_deeplesion
from SpineLib.cohort.masks import check_on_image, vertebrae_on
from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.volume import list_dicom_series, read_dicom, read_volume
from SpineLib.volume.dicom_seg_reading import is_dicom_seg
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.numberings import SPIDER
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.segments import read_mask, read_segments

#: VerSe's numbers, with the coccyx and a 13th thoracic.
_VERSE = range(1, 29)
_LEVEL = re.compile(r"(?:(?<![A-Za-z0-9])|vertebra)([CTL])(\d{1,2})(?![0-9])", re.IGNORECASE)
_CLASSES = {"mixed": r"mix", "lytic": r"lytic", "blastic": r"blastic|sclerotic", "none": r"\b(?:none|normal|healthy)\b"}


def spider_source(folder: Path) -> Source:
    """SPIDER (van der Graaf et al., Sci Data 2024;11:264): ``images/1_t1.mha``, ``masks/1_t1.mha``.

    Vertebrae get VerSe's numbers, discs that of the vertebra above, the canal a mask of its own.

    Raises:
        SpineError: the folder is of another form.
    """
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted((folder / "images").glob("*_t*.mha")):
        number, _, sequence = path.stem.partition("_")
        if sequence.lower() in ("t1", "t2"):
            found[number][sequence.upper()] = path
        else:
            remark("Images of SPIDER other than T1 and T2 (t2_SPACE) are left aside.")
    if not found:
        raise SpineError("This is no folder of SPIDER; give the one that holds 'images' and 'masks' with .mha files.")
    order = sorted(found, key=lambda text: (len(text), text))
    names = [f"spider{int(number):03d}" if number.isdecimal() else number for number in order]
    return Source(
        "SPIDER, lumbar MR with vertebrae, discs and canal",
        "van der Graaf et al., Sci Data 2024;11:264; CC BY 4.0",
        tuple((name, partial(_spider, folder, name, found[number])) for number, name in zip(order, names)),
    )


def _spider(folder: Path, name: str, images: dict[str, Path]) -> Patient:
    first = min(images)
    file = folder / "masks" / images[first].name
    if not file.is_file():
        raise SpineError(f"no mask of its {first}")
    mask = read_mask(file, "vertebrae")
    unknown = set(map(int, np.unique(mask.array))) - {0} - SPIDER.levels.keys() - SPIDER.others
    if unknown:
        raise SpineError(f"its mask holds numbers that are not SPIDER's ({sorted(unknown)[0]})")
    check_on_image(mask, read_volume(images[first], first), "label")
    if not np.isin(mask.array, list(SPIDER.levels)).any():
        raise SpineError("its mask holds no vertebra")
    vertebrae, discs = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, np.uint8)
    for value, level in SPIDER.levels.items():
        vertebrae[mask.array == value] = VERSE_NUMBERS[level]
        if value < 100:
            discs[mask.array == 200 + value] = VERSE_NUMBERS[level]
    labels = {
        "vertebrae": mask.with_array(vertebrae),
        "discs": mask.with_array(discs),
        "canal": mask.with_array((mask.array == 100).astype(np.uint8)),
    }
    return Patient(name, dict(images), labels)


def verse_source(folder: Path) -> Source:
    """VerSe 2019 and 2020 (Sekuboyina et al., Med Image Anal 2021;73:102166), by subject or as for the challenge.

    ``rawdata/sub-verse004/sub-verse004_ct.nii.gz`` with ``derivatives/sub-verse004/..._seg-vert_msk.nii.gz``, or
    ``verse004.nii.gz`` with ``verse004_seg.nii.gz``.

    Raises:
        SpineError: the folder is of another form.
    """
    pairs: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
    for ct in sorted(folder.glob("**/rawdata/sub-*/*_ct.nii.gz")):
        mask = ct.parents[2] / "derivatives" / ct.parent.name / ct.name.replace("_ct.nii.gz", "_seg-vert_msk.nii.gz")
        pairs[ct.parent.name].append((ct, mask))
    for mask in sorted(folder.glob("**/derivatives/sub-*/*_seg-vert_msk.nii.gz")):
        ct = mask.parents[2] / "rawdata" / mask.parent.name / mask.name.replace("_seg-vert_msk.nii.gz", "_ct.nii.gz")
        if not ct.is_file():
            pairs[mask.parent.name].append((ct, mask))
    for mask in sorted(folder.glob("**/verse*_seg.nii.gz")):
        pairs[mask.name.partition("_")[0]].append((mask.with_name(mask.name.replace("_seg.nii.gz", ".nii.gz")), mask))
    if not pairs:
        raise SpineError("This is no folder of VerSe; give the one that holds 'rawdata' and 'derivatives'.")
    return Source(
        "VerSe, CT with vertebrae",
        "Sekuboyina et al., Med Image Anal 2021;73:102166; CC BY-SA 4.0",
        tuple((name, partial(_verse, name, files)) for name, files in sorted(pairs.items())),
    )


def _verse(name: str, files: list[tuple[Path, Path]]) -> Patient:
    whole = [(ct, mask) for ct, mask in files if ct.is_file() and mask.is_file()]
    if not whole:
        raise SpineError("its CT or its mask is missing")
    if len(whole) > 1:
        remark(f"{name} has {len(whole)} series; the one with the largest file is taken, as one patient is one case.")
    ct, file = max(whole, key=lambda pair: pair[0].stat().st_size)
    mask = vertebrae_on(file, read_volume(ct, "CT"))
    values = set(map(int, np.unique(mask.array))) - {0}
    if unknown := values - set(_VERSE):
        raise SpineError(f"its mask holds numbers that are not VerSe's ({min(unknown)})")
    if not values:
        raise SpineError("its mask holds no vertebra")
    return Patient(name, {"CT": ct}, {"vertebrae": mask.with_array(mask.array.astype(np.uint8))}, "ct")


def spine_mets_source(folder: Path) -> Source:
    """Spine-Mets-CT-SEG (TCIA): ``CASE/STUDY/`` with a series of CT and one DICOM SEG, segments named by level.

    The data set classes the lesion of a vertebra and does not outline it: classes go into ``levels.tsv``, and a lesion
    mask is there only where a segment is called a lesion.

    Raises:
        SpineError: the folder is of another form.
    """
    cases = {}
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        places = [place for place in case.glob("**/") if any(file.suffix == ".dcm" for file in place.iterdir())]
        if places:
            cases[case.name] = places
    if not cases:
        raise SpineError("This is no folder of Spine-Mets-CT-SEG; give the one that holds a folder for each case.")
    classes = _classes(folder)
    return Source(
        "Spine-Mets-CT-SEG, CT with metastases and vertebrae",
        "Haouchine et al., The Cancer Imaging Archive 2024",
        tuple((name, partial(_spine_mets, name, places, classes)) for name, places in cases.items()),
    )


def _spine_mets(name: str, places: list[Path], classes: dict[tuple[str, str], str]) -> Patient:
    segs = [file for place in places for file in sorted(place.glob("*.dcm")) if is_dicom_seg(file)]
    series = [place for place in places if not any(is_dicom_seg(file) for file in place.glob("*.dcm"))]
    if len(segs) != 1 or len(series) != 1:
        raise SpineError(f"it has {len(series)} series of CT and {len(segs)} segmentations, not one of each")
    if len(list_dicom_series(series[0])) != 1:
        raise SpineError("its folder of CT holds several series")
    ct = read_dicom(series[0], name="CT")
    _, segments = read_segments(segs[0], "segmentation")
    vertebrae, lesions = np.zeros(ct.shape, np.uint8), np.zeros(ct.shape, np.uint8)
    rows, count = [], 0
    aside: list[str] = []
    for one in segments:
        words = f"{one.info.name} {one.info.tags.get('Type', '')}"
        level = _LEVEL.search(one.info.name) or _LEVEL.search(words)
        check_on_image(one.mask, ct, "segment")
        inside = resample_like(one.mask, ct, nearest=True).array > 0
        if re.search(r"lesion|metasta|tumou?r", one.info.name, re.IGNORECASE):
            count += 1
            lesions[inside] = count
        elif level and (number := VERSE_NUMBERS.get(f"{level[1].upper()}{int(level[2])}")):
            vertebrae[inside] = number
            title = f"{level[1].upper()}{int(level[2])}"
            rows.append((title, number, _class(words) or classes.get((name, title), "")))
        else:
            aside.append(one.info.name)
    if not vertebrae.any():
        raise SpineError("none of its segments is named by a level")
    if aside:
        remark(f"Of {name} the segments that name neither a level nor a lesion were left aside: {', '.join(aside)}.")
    labels = {"vertebrae": ct.with_array(vertebrae)} | ({"lesion": ct.with_array(lesions)} if count else {})
    table = "\n".join(
        ["level\tnumber\tlesion_class", *("\t".join(map(str, row)) for row in sorted(rows, key=lambda r: r[1]))]
    )
    return Patient(name, {"CT": ct}, labels, "ct", facts={"levels.tsv": table + "\n"})


def _classes(folder: Path) -> dict[tuple[str, str], str]:
    """Class by case and level of the tables that lie beside the cases."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                by = {str(key).lower(): str(value or "") for key, value in row.items()}
                case = next((by[key] for key in by if re.search(r"case|patient|subject", key)), "")
                level = next((_LEVEL.search(by[key]) for key in by if re.search(r"level|vertebra", key)), None)
                kind = next((_class(by[key]) for key in by if re.search(r"type|class|lesion", key)), "")
                if case and level and kind:
                    found[case, f"{level[1].upper()}{int(level[2])}"] = kind
    return found


def _class(words: str) -> str:
    return next((name for name, pattern in _CLASSES.items() if re.search(pattern, words, re.IGNORECASE)), "")


def deeplesion_source(folder: Path) -> Source:
    """DeepLesion (Yan et al., J Med Imaging 2018;5:036501): lesions of bone, one key slice a patient.

    The data set measures a lesion by two diameters and outlines none: the mask is the ellipse of the two in the key
    slice. ``spine train ct-lesions`` takes the data set's own folder, with all key slices and its own boxes.

    Raises:
        SpineError: the folder is of another form.
    """
    by_patient: dict[str, DeepLesionImage] = {}
    for image in read_deeplesion(folder, ("bone",)):
        kept = by_patient.get(image.patient)
        if kept is None or len(image.lesions) > len(kept.lesions):
            by_patient[image.patient] = image
    return Source(
        "DeepLesion, lesions of bone: ellipses of two diameters in a key slice, not outlines",
        "Yan et al., J Med Imaging 2018;5:036501",
        tuple((name, partial(_deeplesion, image)) for name, image in sorted(by_patient.items())),
    )


def _deeplesion(image: DeepLesionImage) -> Patient:
    ct = image.volume()
    last = image.slice
    while last < image.range[1] and (image.folder / f"{last + 1:03d}.png").is_file():
        last += 1
    lesions = np.zeros(ct.shape, np.uint8)
    for number, mark in enumerate(image.lesions, start=1):
        lesions[last - image.slice][_ellipse(mark, ct.shape[1:], image.spacing[:2])] = number
    return Patient(image.patient, {"CT": ct}, {"lesion": ct.with_array(lesions)}, "ct")


def _ellipse(mark: DeepLesionMark, shape: tuple[int, ...], spacing: tuple[float, float]) -> np.ndarray:
    """Bool (rows, columns): within the ellipse whose axes are as long as the diameters, along the long one."""
    x0, y0, x1, y1 = mark.long_axis
    rows, columns = np.indices(shape)
    across, down = (columns - (x0 + x1) / 2) * spacing[1], (rows - (y0 + y1) / 2) * spacing[0]
    angle = np.arctan2((y1 - y0) * spacing[0], (x1 - x0) * spacing[1])
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = -across * np.sin(angle) + down * np.cos(angle)
    long, short = (max(value, spacing[0]) for value in mark.diameters_mm)
    return (2 * along / long) ** 2 + (2 * beside / short) ** 2 <= 1
