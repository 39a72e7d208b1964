"""The loss that training minimises: masked, confidence-weighted label losses and the loss of the location.

Labels and boxes that a batch lacks add zero with a gradient of zero, so that every parameter takes
part in every step of distributed training.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from fashiontrend.attrnet.network.model import AttrNetOutput, PlainShotLogits
from fashiontrend.attrnet.network.regions import Location, cell_centres
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.config import AttrNetConfig


class Loss(NamedTuple):
    """Scalar tensors: the minimised sum, and its parts before weighting."""

    total: Tensor
    labels: Tensor
    box: Tensor


def measure(
    output: AttrNetOutput, batch: Batch, cfg: AttrNetConfig, attributes: Sequence[str] = ()
) -> Loss:
    """Compute the loss of a batch; it is finite whatever labels and boxes are missing.

    Args:
        output: of the network in training mode.
        batch: gives the labels, boxes and title words.
        cfg: branch `attrnet`.
        attributes: names of the A attributes, the keys of `cfg.plain_weights`.
    """
    labels = label_loss(output.logits, batch.labels, batch.weights, cfg.label_smoothing)
    box = location_loss(output.location, batch.box)
    if output.presence is not None:
        box = box + presence_loss(output.presence, batch.box)
    words = batch.title_words
    if words is None and output.title_words is not None:
        words = torch.full_like(output.title_words, torch.nan)
    total = labels + cfg.box_loss_weight * box
    if output.title_words is not None and words is not None:
        total = total + cfg.word_loss_weight * word_loss(output.title_words, words)
    if output.plain is not None:
        importance = [cfg.plain_weights.get(name, 1.0) for name in attributes]
        total = total + _plain_loss(output.plain, batch, words, cfg, importance)
    return Loss(total, labels, box)


def _plain_loss(
    plain: PlainShotLogits,
    batch: Batch,
    words: Tensor | None,
    cfg: AttrNetConfig,
    importance: Sequence[float],
) -> Tensor:
    """Compute the losses of labels and title words for the plain shots alone; 0 if there is none."""
    rows = plain.rows
    if not len(rows):
        return torch.stack([part.sum() for part in plain.logits]).sum() * 0
    labels, weights = batch.labels[rows], batch.weights[rows]
    total = label_loss(plain.logits, labels, weights, cfg.label_smoothing, importance)
    if plain.title_words is not None and words is not None:
        total = total + cfg.word_loss_weight * word_loss(plain.title_words, words[rows])
    return total


def label_loss(
    logits: Sequence[Tensor],
    labels: Tensor,
    weights: Tensor,
    smoothing: float,
    importance: Sequence[float] = (),
) -> Tensor:
    """Cross-entropy, averaged over labels by confidence, then over attributes that have any.

    Args:
        logits: (B, V + 1) per attribute.
        labels: int64 (B, A); -1 is masked out.
        weights: (B, A) confidences.
        smoothing: label smoothing (Szegedy et al. 2016).
        importance: factor of each attribute; all 1 if empty.
    """
    known = (labels >= 0).to(weights.dtype) * weights
    total = known.new_zeros(())
    for a, scores in enumerate(logits):
        entropy = functional.cross_entropy(
            scores, labels[:, a].clamp(min=0), reduction="none", label_smoothing=smoothing
        )
        mean = (entropy * known[:, a]).sum() / known[:, a].sum().clamp(min=1e-6)
        total = total + (importance[a] if importance else 1.0) * mean
    return total / (known.sum(0) > 0).sum().clamp(min=1)


def word_loss(logits: Tensor, title_words: Tensor) -> Tensor:
    """Binary cross-entropy, summed over words and averaged over the pictures that have a title.

    Args:
        logits: (B, W).
        title_words: (B, W) of 0 and 1; NaN rows take no part.
    """
    known = ~title_words.isnan().any(1)
    entropy = functional.binary_cross_entropy_with_logits(
        logits, title_words.nan_to_num(), reduction="none"
    )
    total: Tensor = (entropy.sum(1) * known).sum() / known.sum().clamp(min=1)
    return total


def location_loss(location: Location, box: Tensor) -> Tensor:
    """Objectness (binary cross-entropy) plus generalised IoU of the boxes that the garment's cells propose.

    A cell is positive in the middle half of the box and negative outside the box; the cells in
    between take no part, after the centre sampling of FCOS (Tian et al. 2019, arXiv:1904.01355).

    Args:
        location: of B pictures with N cells.
        box: (B, 4) true boxes; NaN rows take no part, a box of no size says that there is no garment.
    """
    known = ~box.isnan().any(1)
    shown = known & (box[:, 2] > box[:, 0])
    true = torch.where(known[:, None], box, box.new_tensor([0.0, 0.0, 1.0, 1.0]))
    side = round(location.objectness.shape[1] ** 0.5)
    middle, inside = (cells & shown[:, None] for cells in _place_cells(true, side))
    entropy = functional.binary_cross_entropy_with_logits(
        location.objectness, middle.to(box.dtype), reduction="none"
    )
    decided = (middle | ~inside).to(box.dtype)
    objectness = (entropy * decided).sum(1) / decided.sum(1).clamp(min=1)
    proposed = location.cell_boxes
    giou = generalized_box_iou_loss(proposed, true[:, None].expand_as(proposed))
    fit = (giou * middle).sum(1) / middle.sum(1).clamp(min=1)
    each = (objectness + fit) * known
    total: Tensor = each.sum() / known.sum().clamp(min=1)
    return total


def presence_loss(logits: Tensor, box: Tensor) -> Tensor:
    """Binary cross-entropy of a garment being there, averaged over the pictures for which that is known.

    Args:
        logits: (B,) of a garment being there.
        box: (B, 4) true boxes; NaN rows take no part, a box of no size says that there is no garment.
    """
    known = ~box.isnan().any(1)
    shown = (box[:, 2] > box[:, 0]).to(logits.dtype)
    entropy = functional.binary_cross_entropy_with_logits(logits, shown, reduction="none")
    total: Tensor = (entropy * known).sum() / known.sum().clamp(min=1)
    return total


def _place_cells(box: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Find the cells in the middle half of each box (at least one), and those inside it: (B, N) each."""
    centres = cell_centres(side, side, box.device)
    low, high = box[:, None, :2], box[:, None, 2:]
    centre, half = (low + high) / 2, (high - low) / 2
    distance = (centres[None] - centre).abs()
    # At least half a cell: the cell that holds the centre is positive even in a tiny box.
    middle = (distance <= (half / 2).clamp(min=0.5 / side + 1e-6)).all(-1)
    inside = (distance <= half).all(-1)
    return middle, inside | middle
