"""The figure of a codebook in use: how often each entry stands for a part of an image."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from olaria.cards.context import Numbers
from olaria.i18n import N_, translate
from olaria.pages.labels import number
from olaria.pages.palette import BLUE, CLAY, MUTED
from olaria.pages.style import blank, label, style, tidy


def code_use(counts: Numbers, language: str = "en", narrow: bool = False) -> Figure:
    """Shares of the entries from the most to the least frequent, beside what equal use would be.

    Args:
        counts: how often each entry was chosen, integers (K,); at least one is not zero.
        language: of the words and numbers.
        narrow: for a telephone.
    """
    shares = 100 * np.sort(counts)[::-1] / counts.sum()
    equal = 100 / len(counts)
    with style():
        figure = blank(4.2 if narrow else 5.2, 2.4)
        axes = figure.subplots()
        tidy(axes, language)
        axes.bar(np.arange(1, len(shares) + 1), shares, width=1.0, color=BLUE, linewidth=0)
        axes.axhline(equal, color=CLAY, linewidth=1.2, linestyle=(0, (4, 3)))
        text = translate(N_("equal use: {share} %"), language)
        axes.annotate(
            text.format(share=number(equal, language, 2)), (0.99, equal), (0, 4),
            xycoords=("axes fraction", "data"), textcoords="offset points",
            fontsize=9, color=MUTED, ha="right", va="bottom",
        )  # fmt: skip
        axes.set_xlim(0.5, len(shares) + 0.5)
        label(
            axes,
            translate(N_("entry of the codebook, the most frequent first"), language),
            translate(N_("share of all codes (%)"), language),
        )
    return figure
