"""Which detectors are installed for an image, and what to say about the image. No Qt here."""

from __future__ import annotations

from SpinePanel.i18n import tr as _

TASK = "metastasis-detection"


def sequenceOf(node):
    """The sequence a volume seems to be by name and DICOM description ("STIR", "T2", ...), or None."""
    from SpineLib.scene.select import candidate_of, sequence_of

    texts = candidate_of(node)
    return sequence_of(texts.name, texts.description)[0]


def detectors(sequence=None):
    """Cards of the installed detectors, those made for the sequence first."""
    from SpineLib.models import list_bundles

    cards = [card for _, card in list_bundles() if card.task == TASK]
    return sorted(cards, key=lambda card: sequence not in card.inputs)


def noteOn(sequence, card) -> str:
    """What the user should know before this image is searched with this model; "" when nothing."""
    if card is None:
        return ""
    made = card.inputs[0]
    notes = []
    if sequence is None:
        notes.append(_("The image's name does not tell its sequence; the model was made for {made}.").format(made=made))
    elif sequence not in card.inputs:
        notes.append(
            _("This looks like {sequence}, and the model was made for {made}: expect more false alarms.").format(
                sequence=sequence, made=made
            )
        )
    if sequence == "T2":
        notes.append(_("Without fat suppression marrow is bright, so metastases stand out less than on STIR."))
    if card.training_data.get("simulated"):
        notes.append(_("The model learned from simulated images."))
    return " ".join(notes)
