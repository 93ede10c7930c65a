"""DICOM SR: the measures of lesions as a Measurement Report (PS3.16, TID 1500; PS3.3, A.35.13: Comprehensive 3D SR)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import highdicom
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import SpineLib
from SpineLib.errors import SpineError
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.volume.dicom_seg import DicomSeg, SegAlgorithm
from SpineLib.volume.files import whole_files

#: Names of what the standard has no code for: a private coding scheme (PS3.16, 8.2), which the document explains itself
#: by each code's meaning.
SCHEME = "99SPINEONC"
#: This program as an observer (TID 1004).
_DEVICE_UID = "2.25.152849799403202410466543253353522377049"
_ML = Code("ml", "UCUM", "ml")
_UNITS = {"ml": _ML, "mm": codes.UCUM.Millimeter, "%": codes.UCUM.Percent}
_PROCEDURES = {"MR": codes.LN.MRIUnspecifiedBodyRegion, "CT": codes.LN.CTUnspecifiedBodyRegion}


@dataclass(frozen=True)
class Number:
    """A measured number: the code of what it is, in the unit "ml", "mm" or "%"."""

    code: Code
    value: float
    unit: str


@dataclass(frozen=True)
class Word:
    """Something told in a coded word: the codes of what is told and of what it is."""

    code: Code
    value: Code


@dataclass(frozen=True)
class Summary:
    """What is told of all lesions together: what they are called, words, and sentences."""

    name: str
    words: Sequence[Word]
    comments: Sequence[str] = ()


@dataclass(frozen=True)
class Finding:
    """What is said about one segment.

    Attributes:
        seg: the DICOM SEG that holds it.
        label: its label there.
        lesion: its measures.
        numbers, words: what else is known of it.
        when: the time point, "before the ablation"; "" where there is one examination only.
        order: of the time point among those of the report, from 1.
        algorithm: what drew it; None: a person.
    """

    seg: DicomSeg
    label: int
    lesion: Lesion
    numbers: Sequence[Number] = ()
    words: Sequence[Word] = ()
    when: str = ""
    order: int = 1
    algorithm: SegAlgorithm | None = None


def own_code(value: str, meaning: str) -> Code:
    """A code of this project's own scheme; ``value`` has at most 16 characters."""
    return Code(value, SCHEME, meaning)


def lesion_numbers(lesion: Lesion) -> list[Number]:
    """The measures of a lesion that have codes of the standard, of IBSI and of SNOMED CT."""
    numbers = [
        Number(codes.SCT.Volume, lesion.volume_ml, "ml"),
        Number(codes.SCT.LongAxis, lesion.diameter_in_plane_mm, "mm"),
        Number(codes.IBSI.Maximum3DDiameterOfAMesh, lesion.diameter_3d_mm, "mm"),
    ]
    if math.isfinite(lesion.mean_probability):
        numbers.append(Number(codes.DCM.CertaintyOfFinding, 100 * lesion.mean_probability, "%"))
    return numbers


def write_sr(path: str | Path, findings: Sequence[Finding], summary: Summary | None = None) -> None:
    """Write one document about all findings, all or nothing; patient and study are those of the last one's series.

    It is complete, neither verified nor final: a program wrote it, and nobody has read it yet.

    Args:
        path: the file, ".dcm".
        findings: at least one; those of several examinations in the order of time.
        summary: a group of its own without a region (TID 1501); None: none.

    Raises:
        SpineError: the series contradict each other, or the file cannot be written.
    """
    # The newest examination is the one that is reported; highdicom takes patient and study from the first evidence.
    segs = list({id(one.seg): one.seg for one in reversed(findings)}.values())
    evidence = [dataset for seg in segs for dataset in (seg.dataset, *seg.sources.slices)]
    newest = segs[0].sources
    try:
        report = highdicom.sr.MeasurementReport(
            observation_context=highdicom.sr.ObservationContext(observer_device_context=_observer()),
            procedure_reported=_PROCEDURES.get(str(newest.slices[0].Modality), codes.LN.MRIUnspecifiedBodyRegion),
            imaging_measurements=[*(_group(one) for one in findings), *([_summary(summary)] if summary else [])],
            title=codes.DCM.ImagingMeasurementReport,
        )
        document = highdicom.sr.Comprehensive3DSR(
            evidence=evidence,
            content=report,
            series_instance_uid=highdicom.UID(),
            series_number=1001 + newest.series_number,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="SpineOncology",
            is_complete=True,
            is_final=False,
            is_verified=False,
            series_description=SpineLib.NOTICE,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpineError(
            "A DICOM SR cannot refer to these DICOM series: their slices lack attributes or contradict each other; "
            "export them again from their archive."
        ) from error
    document.ManufacturerModelName = "SpineOncology"
    document.SoftwareVersions = SpineLib.__version__
    document.CodingSchemeIdentificationSequence = _schemes(document)
    with whole_files(path) as temporary:
        document.save_as(temporary, enforce_file_format=True)


def _schemes(document) -> list[Dataset]:
    """The private coding scheme is declared as such (PS3.3, C.12.1.1.1), beside those that highdicom declares."""
    own = Dataset()
    own.CodingSchemeDesignator = SCHEME
    own.CodingSchemeName = "Private codes of SpineOncology"
    own.CodingSchemeResponsibleOrganization = "SpineOncology"
    return [*document.get("CodingSchemeIdentificationSequence", []), own]


def _summary(summary: Summary):
    """All lesions together (TID 1501)."""
    group = highdicom.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(highdicom.UID(), summary.name),
        qualitative_evaluations=[
            highdicom.sr.QualitativeEvaluation(_concept(word.code), _concept(word.value)) for word in summary.words
        ],
    )
    for text in summary.comments:  # the template may be extended
        contains = highdicom.sr.RelationshipTypeValues.CONTAINS
        group[0].ContentSequence.append(highdicom.sr.TextContentItem(_concept(codes.DCM.Comment), text, contains))
    return group


def _observer():
    return highdicom.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=highdicom.sr.DeviceObserverIdentifyingAttributes(
            uid=_DEVICE_UID, name="SpineOncology", manufacturer_name="SpineOncology", model_name=SpineLib.__version__
        ),
    )


def _group(one: Finding):
    """One measurement group (TID 1411): what it is, where it is, its segment, its numbers and words."""
    segment = one.seg.segment(one.label)
    region = segment.get("AnatomicRegionSequence")
    algorithm = (
        highdicom.sr.AlgorithmIdentification(one.algorithm.name, one.algorithm.version or "0")
        if one.algorithm is not None
        else None
    )
    return highdicom.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=highdicom.sr.TrackingIdentifier(segment.TrackingUID, segment.TrackingID),
        referenced_segment=highdicom.sr.ReferencedSegment(
            one.seg.dataset.SOPClassUID,
            one.seg.dataset.SOPInstanceUID,
            int(segment.SegmentNumber),
            source_images=[
                highdicom.sr.SourceImageForSegmentation(source.SOPClassUID, source.SOPInstanceUID)
                for source in one.seg.slices(one.label)
            ],
        ),
        time_point_context=highdicom.sr.TimePointContext(one.when, time_point_order=one.order) if one.when else None,
        finding_type=_concept(segment.SegmentedPropertyTypeCodeSequence[0]),
        finding_category=_concept(segment.SegmentedPropertyCategoryCodeSequence[0]),
        finding_sites=[highdicom.sr.FindingSite(_concept(region[0]))] if region else None,
        algorithm_id=algorithm,
        measurements=[
            highdicom.sr.Measurement(_concept(number.code), float(f"{number.value:.6g}"), _UNITS[number.unit])
            for number in (*lesion_numbers(one.lesion), *one.numbers)
        ],
        qualitative_evaluations=[
            highdicom.sr.QualitativeEvaluation(_concept(word.code), _concept(word.value)) for word in one.words
        ],
    )


def _concept(code):
    """A coded concept of a code of either kind."""
    if isinstance(code, Code):
        return highdicom.sr.CodedConcept(code.value, code.scheme_designator, code.meaning)
    return highdicom.sr.CodedConcept(code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning)
