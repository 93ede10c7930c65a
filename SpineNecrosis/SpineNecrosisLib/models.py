"""Which model bundles fit the chosen scans. No Qt here."""

from SpinePanel.cards import fittingCards


def fittingModels(target, sequences):
    """Cards of the installed models that need no more than these sequences: those that use most first, and of
    these the ones that were measured best.

    Args:
        target: "metastasis" or "necrosis".
        sequences: names of the chosen scans, e.g. {"ceT1", "T2"}.
    """
    cards = fittingCards(f"{target}-segmentation", lambda card: bool(card.inputs_of(sequences)))
    return sorted(cards, key=lambda card: -len(card.inputs_of(sequences)))  # stable: the best measured first
