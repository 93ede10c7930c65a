"""Pages on a telephone, laid out by a real browser where one is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest

from SpineLib.reports.charts import Interval, interval_chart
from SpineLib.reports.margin import histogram_chart
from SpineLib.reports.page import Section, facts, write_page
from SpineLib.reports.tables import Column, Table
from SpineLib.reports.viewer import Layer, close_ups, slice_viewer
from SpineLib.volume import Volume

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Lays the page out 375 pixels wide, and writes down what runs out of its card and how wide the checksum stands.
MEASURE = """<script>addEventListener("load", () => {
  const page = document.documentElement; page.style.width = "375px";
  const wide = [...document.querySelectorAll("section")].filter((one) => one.scrollWidth > one.clientWidth + 1);
  const sum = [...document.querySelectorAll("dd")].find((one) => one.textContent.includes("SHA-256"));
  page.dataset.measured = JSON.stringify({wide: wide.map((one) => one.querySelector("h2").textContent),
    sum: sum.getBoundingClientRect().width, letters: Math.min(...[...document.querySelectorAll(".chart text")].map(
    (one) => one.getBoundingClientRect().height)), caption: [...document.querySelectorAll("figure")].every((one) =>
    one.querySelector("svg").getBoundingClientRect().bottom <=
    one.querySelector("figcaption").getBoundingClientRect().top + 1 || one.offsetParent === null)}); });</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_at_375_pixels_nothing_runs_out_of_its_card(tmp_path):
    image = Volume(np.random.default_rng(0).integers(0, 400, (6, 60, 50)).astype(np.float32), (0.8, 0.8, 4.0))
    mask = image.with_array((image.array > 390).astype(np.uint8))
    layers = [Layer("Metastasis before", mask, "#d55e00"), Layer("Necrosis after", mask, "#56b4e9")]
    shown = {"T1 before": image, "ceT1 after, registered": image}
    title = "Lesions of the spine on CT, Faster R-CNN on a narrow VGG-16"
    columns = [Column(name, name, "mm") for name in ("Lesion", "Volume", "Longest diameter", "3-D", "Probability")]
    write_page(
        tmp_path / "page.html",
        "Follow-up after ablation",
        "T1 before and ceT1 after",
        [
            Section("Scans", close_ups([(n, v, layers) for n, v in shown.items()], mask)
                    + slice_viewer(shown, layers, blend=True)),
            Section("Models", facts({title: f"lesions-ct, version 1, SHA-256 {'4c' * 32}"})),
            Section("Chart", interval_chart([Interval("3-D completion, a network that looks at mirror images", 40, 9)])
                    + histogram_chart(np.arange(-9.0, 4), np.full(12, 1 / 12), 1.1)),
            Section("Table", Table(columns, [{column.key: "12.3" for column in columns}]).to_html()),
        ],
    )  # fmt: skip
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    (tmp_path / "measured.html").write_text(text.replace("</head>", f"{MEASURE}</head>", 1), encoding="utf-8")
    done = subprocess.run(
        [BROWSER, "--headless=new", "--window-size=500,900", "--no-sandbox", "--disable-gpu",
         "--virtual-time-budget=3000",
         "--dump-dom", (tmp_path / "measured.html").as_uri()], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'data-measured="([^"]*)"', done.stdout)
    assert found, done.stderr[-500:]
    measured = json.loads(unescape(found[1]))
    assert measured["wide"] == []
    assert measured["sum"] > 200, "a checksum has room for more than two letters a line"
    assert measured["letters"] >= 9, "letters of a chart are as high as small print"
    assert measured["caption"], "captions do not lie over pictures"
