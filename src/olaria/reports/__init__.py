"""Reports and lessons as self-contained pages.

A report is built by :func:`olaria.reports.report.build_report` of what :mod:`olaria.reports.context` describes; a
lesson's page by :mod:`olaria.reports.lesson_page`, which does without matplotlib and its half second of loading. So
nothing is imported here.
"""
