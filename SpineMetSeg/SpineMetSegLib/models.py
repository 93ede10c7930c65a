"""Which model bundles fit the chosen inputs. No Qt here."""

from __future__ import annotations

from SpinePanel.cards import fittingCards

TASK = "metastasis-segmentation"


def fittingModels(sequences, dimensions: int):
    """Cards of the installed bundles for exactly these inputs and this network, the project's own first.

    Args:
        sequences: names of the chosen inputs, e.g. {"T1", "T2"}.
        dimensions: 2 or 3.
    """
    wanted = set(sequences)
    return fittingCards(TASK, lambda card: set(card.inputs) == wanted and card.network.get("dimensions") == dimensions)
