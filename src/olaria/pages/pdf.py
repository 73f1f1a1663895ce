"""A page as PDF, set by WeasyPrint from the same HTML (see :mod:`olaria.pages.paper`).

It looks the same everywhere, also where no font is installed. Nothing is fetched, no clock is read, and the same page
gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import warnings
from typing import Any

from olaria.errors import OlariaError
from olaria.i18n import N_
from olaria.pages.fonts import fit_paper
from olaria.pages.paper import for_paper


def to_pdf(html: str) -> bytes:
    """A page as PDF: A4, numbered, with an outline, its title, author and language.

    Args:
        html: a whole page that carries everything in itself, as :func:`olaria.pages.report.build_report` gives it.

    Raises:
        OlariaError: WeasyPrint, ziamath or the library Pango is not installed.
    """
    return written(laid_out(html), hashlib.sha256(html.encode()).digest()[:16])


def laid_out(html: str) -> Any:
    """The page cut into sheets: WeasyPrint's document, of which ``pages`` are the sheets."""
    weasyprint = _weasyprint()
    fonts = weasyprint.text.fonts.FontConfiguration()
    page = weasyprint.HTML(string=fit_paper(for_paper(html)), url_fetcher=only_inline())
    return page.render(font_config=fonts)


def written(document: Any, identifier: bytes) -> bytes:
    """The document's bytes, tagged for those who have it read aloud.

    Args:
        document: see :func:`laid_out`.
        identifier: of this very document, by which readers remember where they were.
    """
    pdf: bytes = document.write_pdf(pdf_identifier=identifier, pdf_tags=True)
    return pdf


def only_inline() -> Any:
    """What WeasyPrint asks for a picture or a font: it gives what the page carries in itself and nothing else."""
    return _weasyprint().urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)


def _weasyprint() -> Any:
    """The library, loaded when the first PDF is asked for.

    Raises:
        OlariaError: see :func:`to_pdf`.
    """
    from PIL import ImageFile

    is_lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        # What they miss they print at length, and standard output is the result's; how they load is their affair.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import weasyprint
            import weasyprint.text.fonts
            import weasyprint.urls
            import ziamath  # noqa: F401
    except ImportError as error:
        raise OlariaError(
            N_("a PDF needs two more packages: pip install 'olaria[pdf]' brings them")
        ) from error
    except OSError as error:
        raise OlariaError(
            N_(
                "a PDF needs the library Pango, which was not found: on Debian and Ubuntu, "
                "apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 brings it; elsewhere, "
                "see how WeasyPrint is installed"
            )
        ) from error
    # It lets cut images pass as whole, in all of the process: the user's own are still to be refused.
    ImageFile.LOAD_TRUNCATED_IMAGES = is_lenient
    # It tells of every rule of the style that it does not know; that is for us, not for who asked for a report.
    logging.getLogger("weasyprint").propagate = False
    return weasyprint
