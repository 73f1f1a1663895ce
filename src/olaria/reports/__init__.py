"""Reports: runs as one self-contained document. What goes in is :mod:`olaria.reports.context`."""

from __future__ import annotations

from olaria.reports.context import DataCard, ReportContext, RunCard
from olaria.reports.report import build_report

__all__ = ["DataCard", "ReportContext", "RunCard", "build_report"]
