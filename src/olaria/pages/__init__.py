"""Reports and lessons as self-contained pages.

A report is built by :func:`olaria.pages.report.build_report` of what :mod:`olaria.cards.context` describes; a
lesson's page by :mod:`olaria.pages.lesson_page`, which does without matplotlib and its half second of loading. So
nothing is imported here.
"""
