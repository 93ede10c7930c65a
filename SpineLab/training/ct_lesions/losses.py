"""The four losses of Faster R-CNN: Ren et al. (2017), sections 3.1.2, 3.2; Girshick, Fast R-CNN (2015), section 2.3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from SpineLab.training.ct_lesions.config import RcnnLosses
from SpineLib.networks.boxes import encode, overlaps
from SpineLib.networks.faster_rcnn import FasterRCNN, ProposalSettings

#: What an anchor or a proposal is.
IGNORED, NEGATIVE, POSITIVE = -1, 0, 1
#: Where the smooth L1 loss of proposals turns from square to linear (the authors' release: sigma 3).
_PROPOSAL_BETA = 1 / 9


def rcnn_losses(
    network: FasterRCNN, images: torch.Tensor, boxes: Sequence[torch.Tensor], settings: RcnnLosses, autocast
) -> dict[str, torch.Tensor]:
    """Losses "objectness", "proposals", "class" and "boxes" of a batch; their sum is what is learned.

    Args:
        network: in training mode.
        images: (n, inputs, rows, columns).
        boxes: the lesions of each image, (m, 4).
        settings: which anchors and boxes count.
        autocast: makes the context in which the network multiplies.
    """
    size = (images.shape[2], images.shape[3])
    with autocast():
        features = network.feature_map(images)
        logits, deltas = network.proposal_scores(features)
    places = network.anchors_on(features)
    losses = proposal_losses(logits, deltas, places, boxes, size, settings)
    proposals = network.proposals(
        logits.detach(), deltas.detach(), places, size, ProposalSettings(settings.before, settings.after)
    )
    drawn = [draw_boxes(own, truth, settings) for own, truth in zip(proposals, boxes)]
    chosen = torch.cat([one[0] for one in drawn])
    kinds, targets = torch.cat([one[1] for one in drawn]), torch.cat([one[2] for one in drawn])
    owners = torch.repeat_interleave(
        torch.arange(len(drawn), device=images.device),
        torch.tensor([len(one[0]) for one in drawn], device=images.device),
    )
    with autocast():
        scores, moves = network.heads(features, chosen, owners)
    losses["class"] = functional.cross_entropy(scores, kinds)
    own = kinds == POSITIVE
    wanted = encode(targets[own], chosen[own]) / network.units
    losses["boxes"] = functional.smooth_l1_loss(moves[own], wanted, reduction="sum") / max(len(kinds), 1)
    return losses


def proposal_losses(
    logits: torch.Tensor,
    deltas: torch.Tensor,
    places: torch.Tensor,
    boxes: Sequence[torch.Tensor],
    size: tuple[int, int],
    settings: RcnnLosses,
) -> dict[str, torch.Tensor]:
    """Losses "objectness" and "proposals" of the anchors drawn in each image."""
    chosen, kinds, targets = [], [], []
    for number, truth in enumerate(boxes):
        own, best = label_anchors(places, truth, size, settings)
        drawn = _draw(own, settings.anchors, settings.anchor_positives, logits[number].detach(), settings.hard)
        chosen.append(drawn + number * len(places))
        kinds.append(own[drawn])
        targets.append(truth[best[drawn]] if len(truth) else places[drawn])
    anchor, kind, target = torch.cat(chosen), torch.cat(kinds), torch.cat(targets)
    objectness = functional.binary_cross_entropy_with_logits(logits.flatten()[anchor], kind.float())
    positive = kind == POSITIVE
    wanted = encode(target[positive], places[anchor[positive] % len(places)])
    moves = functional.smooth_l1_loss(
        deltas.flatten(0, 1)[anchor[positive]], wanted, reduction="sum", beta=_PROPOSAL_BETA
    )
    return {"objectness": objectness, "proposals": moves / max(len(anchor), 1)}


def label_anchors(
    places: torch.Tensor, truth: torch.Tensor, size: tuple[int, int], settings: RcnnLosses
) -> tuple[torch.Tensor, torch.Tensor]:
    """What each anchor (a, 4) is, and its best lesion; anchors that cross the image's border are ignored.

    A lesion's best anchor is positive whatever its overlap, and so are those that are as good.
    """
    rows, columns = size
    inside = (places[:, :2] >= 0).all(1) & (places[:, 2] <= columns) & (places[:, 3] <= rows)
    kinds = torch.full((len(places),), IGNORED, device=places.device)
    if not len(truth):
        kinds[inside] = NEGATIVE
        return kinds, torch.zeros_like(kinds)
    table = overlaps(places, truth)
    best, which = table.max(dim=1)
    kinds[inside & (best < settings.low)] = NEGATIVE
    within = torch.where(inside[:, None], table, torch.full_like(table, -1.0))
    top = within.max(dim=0).values
    as_good = (within >= top - 1e-4) & (top > 0.05)
    kinds[as_good.any(dim=1)] = POSITIVE
    which = torch.where(as_good.any(dim=1), torch.where(as_good, table, torch.zeros_like(table)).argmax(dim=1), which)
    kinds[inside & (best >= settings.high)] = POSITIVE
    return kinds, which


def draw_boxes(
    proposals: torch.Tensor, truth: torch.Tensor, settings: RcnnLosses
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes for the heads (b, 4) out of proposals, the most likely first, and the lesions themselves; what they are;
    their lesions (b, 4).
    """
    boxes = torch.cat([proposals, truth])
    if len(truth):
        best, which = overlaps(boxes, truth).max(dim=1)
        kinds, targets = (best >= settings.overlap).long(), truth[which]
    else:
        kinds, targets = torch.zeros(len(boxes), dtype=torch.long, device=boxes.device), boxes
    order = -torch.arange(len(boxes), device=boxes.device)
    drawn = _draw(kinds, settings.boxes, settings.box_positives, order, settings.hard)
    return boxes[drawn], kinds[drawn], targets[drawn]


def _draw(kinds: torch.Tensor, count: int, positives: float, scores: torch.Tensor, hard: float) -> torch.Tensor:
    """Indices of at most ``count``, of which at most the share ``positives`` positive ones; the rest negative ones, and
    of these the share ``hard`` those with the highest scores.
    """
    some = [torch.nonzero(kinds == kind)[:, 0] for kind in (POSITIVE, NEGATIVE)]
    own, others = (values[torch.randperm(len(values), device=kinds.device)] for values in some)
    own = own[: round(count * positives)]
    wanted = min(count - len(own), len(others))
    hardest = torch.topk(scores[others], round(hard * wanted)).indices
    left = torch.ones(len(others), dtype=torch.bool, device=kinds.device)
    left[hardest] = False
    return torch.cat([own, others[hardest], others[left][: wanted - len(hardest)]])
