"""A two-dimensional U-Net (Ronneberger, Fischer, Brox 2015) with padded convolutions, so that size in is size out.

Batch normalisation stands behind each convolution; transposed convolutions are replaced by bilinear upsampling, which
leaves no checkerboard. Only imported where PyTorch is there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_BACKGROUND = 4.0
"""First logit in favour of the background: a chance of 98 %."""


class UNet(nn.Module):
    """See the module text.

    Parameters
    ----------
    channels
        Of the output: 1, or one a label with the background first.
    width
        Channels of the first level; each deeper level has twice as many.
    depth
        Number of times the picture is halved.
    shrink
        Pixels along each side that are averaged before the first level, 1 for none; logits are brought back to the
        full size bilinearly. Sides of the picture are multiples of this times 2 to the power of `depth`.
    """

    def __init__(self, channels: int, width: int, depth: int, shrink: int = 1) -> None:
        super().__init__()
        self.shrink = shrink
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _block(before, after) for before, after in zip([1, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            _block(below + beside, beside)
            for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.last = nn.Conv2d(width, channels, 1)
        # Nearly everything is background; a network that begins with that finds small structures much sooner.
        with torch.no_grad():
            self.last.bias[0] = _BACKGROUND if channels > 1 else -_BACKGROUND

    def forward(self, picture: Tensor) -> Tensor:
        """(n, 1, rows, columns) pictures to (n, channels, rows, columns) logits."""
        if self.shrink > 1:
            picture = functional.avg_pool2d(picture, self.shrink)
        beside = []
        for level, block in enumerate(self.down):
            picture = block(functional.max_pool2d(picture, 2) if level else picture)
            beside.append(picture)
        beside.pop()
        for block in self.up:
            picture = block(torch.cat([_larger(picture, 2), beside.pop()], dim=1))
        logits: Tensor = self.last(picture)
        return _larger(logits, self.shrink) if self.shrink > 1 else logits


def _larger(picture: Tensor, times: int) -> Tensor:
    return functional.interpolate(picture, scale_factor=float(times), mode="bilinear", align_corners=False)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy plus 1 - Dice over the batch, which keeps small structures from vanishing.

    Parameters
    ----------
    logits
        (n, channels, rows, columns).
    labels
        (n, rows, columns) int64, 0 the background, else the place of the label in the card.

    Returns
    -------
    Tensor
        A number of 0 and more.
    """
    if logits.shape[1] == 1:
        wanted = (labels > 0).to(logits.dtype)[:, None]
        cross = functional.binary_cross_entropy_with_logits(logits, wanted)
        found = torch.sigmoid(logits)
    else:
        cross = functional.cross_entropy(logits, labels)
        found = torch.softmax(logits, dim=1)[:, 1:]
        wanted = functional.one_hot(labels, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:].to(logits.dtype)
    both = (found * wanted).sum(dim=(0, 2, 3))
    either = found.sum(dim=(0, 2, 3)) + wanted.sum(dim=(0, 2, 3))
    return cross + (1 - (2 * both + 1) / (either + 1)).mean()
