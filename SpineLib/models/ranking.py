"""How good models were measured to be, and which of them are not worth a place beside others."""

from __future__ import annotations

from collections.abc import Iterable

from SpineLib.models.card import ModelCard


def measured_dice(card: ModelCard) -> float | None:
    """Mean Dice (0 to 1) that the card says of cases the model had not seen; None where it says none."""
    unseen = card.figures.get("unseen_simulated") or card.figures.get("simulated")
    dice = unseen.get("dice", unseen.get("dice_mean")) if isinstance(unseen, dict) else None
    value = dice[0] if isinstance(dice, list) and dice else dice
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= 1 else None


def better_in_2d(card: ModelCard, others: Iterable[ModelCard]) -> ModelCard | None:
    """The best 2D model that does the same with the same sequences, is faster and was measured to be better.

    None for a model that looks at slices itself, that nobody measured, or that none of the others is better than: a
    user's own 3D model stays beside the project's.
    """
    dice = measured_dice(card)
    if dice is None or card.network.get("dimensions") != 3:
        return None
    same = (one for one in others if (one.task, sorted(one.inputs)) == (card.task, sorted(card.inputs)))
    flat = [(measured_dice(one) or 0.0, one) for one in same if one.network.get("dimensions") == 2]
    best = max(flat, key=lambda one: one[0], default=None)
    return best[1] if best is not None and best[0] > dice else None
