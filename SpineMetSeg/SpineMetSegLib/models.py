"""Which model bundles fit the chosen inputs. No Qt here."""

from __future__ import annotations

from SpinePanel.cards import fittingCards

TASK = "metastasis-segmentation"
#: Images that have a row whatever is installed; further ones come with the models that look at them.
SEQUENCES = ("T1", "T2")


def fittingModels(sequences):
    """Cards of the installed bundles for exactly these inputs, those measured best first.

    Args:
        sequences: names of the chosen inputs, e.g. {"T1", "T2"}.
    """
    wanted = set(sequences)
    return fittingCards(TASK, lambda card: set(card.inputs_of(wanted)) == wanted)


def usableInputs(there):
    """Those of the names in ``there`` that one model looks at together: as many as can be; all where none fits."""
    cards = fittingCards(TASK, lambda card: bool(card.inputs_of(there)))
    return set(max((card.inputs_of(there) for card in cards), key=len)) if cards else set(there)
