"""Every lesson's page in a browser: nothing leaves it, it fits a telephone, axe-core finds nothing, no script fails."""

from __future__ import annotations

from typing import Any

PHONE = 500
"""The narrowest window that this browser opens, in pixels."""


def test_the_page_is_whole_in_a_browser(
    lesson: Any, in_page: Any, with_script: Any, axe: str
) -> None:
    watching = "window.broken = []; onerror = m => broken.push(String(m));"
    page = with_script(with_script(lesson.html("pt"), watching, "<title>"), axe, "</head>")
    found = in_page(
        page,
        """
      for (const skip of document.querySelectorAll(".question .skip")) skip.click();
      const parts = [...document.querySelectorAll("[data-live]")], on = () => parts.every(one => one.dataset.state);
      for (let i = 0; i < 400 && !on(); i++) await new Promise(done => setTimeout(done, 25));
      const entries = performance.getEntriesByType("resource").map(e => e.name);
      const last = ":is(.question, .live-guess) li:last-child button";
      for (const answer of document.querySelectorAll(last)) answer.click();
      for (const control of document.querySelectorAll("input, select")) {
        if (control.tagName === "SELECT") control.selectedIndex = control.options.length - 1;
        else if (control.type === "range") control.value = control.max;
        control.dispatchEvent(new Event("input", {bubbles: true}));
      }
      const result = await axe.run({resultTypes: ["violations"]});
      return {
        outside: entries.filter(name => !name.startsWith("data:")),
        wide: document.documentElement.scrollWidth - innerWidth,
        broken: window.broken,
        hidden: document.querySelectorAll("[hidden]:not(.panel, .actions, canvas, .live-guess *)").length,
        steps: document.querySelectorAll(".step").length,
        violations: result.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.target.join(" "))]),
      };""",
        width=PHONE,
    )
    assert found["outside"] == [] and found["broken"] == []
    assert found["hidden"] == 0
    assert found["wide"] <= 0 and found["steps"] == len(lesson.steps)
    assert found["violations"] == []
