"""The page in a browser: headless Chromium, one session for the whole file."""

import csv
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.plots.isomir_types import fit_types
from bayes_mirglmm.results import Fit

selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no chromium and chromedriver on the path (Debian: apt-get install chromium chromium-driver)",
)
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("profile")
    flags = ["headless", "disable-gpu", "disable-dev-shm-usage", "disable-quic", "no-first-run"]
    flags += ["disable-background-networking", "disable-component-update", "disable-sync"]
    flags += ["window-size=1400,1000", f"user-data-dir={profile}", "force-prefers-reduced-motion"]
    for flag in flags + (["no-sandbox"] if os.geteuid() == 0 else []):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=DRIVER))
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, hostile: Fit, written: Callable[..., str]) -> SimpleNamespace:
    """The page of the fit with hostile names, freshly loaded."""
    browser.get(written(hostile, "hostile"))
    return tools(browser)


def tools(browser: Any) -> SimpleNamespace:
    def one(css: str) -> Any:
        return browser.find_element("css selector", css)

    def texts(css: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        return browser.execute_script(script, css)

    def column(key: str, table: str = "#effects-table") -> list[str]:
        at = one(f"{table} th[data-key={key}]").get_property("cellIndex") + 1
        return texts(f"{table} table.data tbody tr > :nth-child({at})")

    def type_in(css: str, text: str) -> None:
        one(css).clear()
        one(css).send_keys(text)

    def choose(css: str, value: str) -> None:
        selenium_select(one(css)).select_by_value(value)

    def press(*keys: str) -> None:
        selenium.ActionChains(browser).send_keys(*keys).perform()

    return SimpleNamespace(
        browser=browser, one=one, texts=texts, column=column, type_in=type_in, choose=choose, press=press
    )


def selenium_select(element: Any) -> Any:
    from selenium.webdriver.support.select import Select

    return Select(element)


def number(text: str) -> float:
    return float(text.replace(MINUS, "-").replace(",", ""))


def errors(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def soon(found: Callable[[], Any]) -> Any:
    """What a function returns, once that is something: the page and the browser answer when they can."""
    end = time.monotonic() + 60
    while not (something := found()) and time.monotonic() < end:
        time.sleep(0.05)
    assert something
    return something


def saved(folder: Path, name: str) -> list[list[str]]:
    """The rows of a file that the browser has just saved."""
    path = folder / name
    soon(lambda: path.exists() and path.stat().st_size)
    text = path.read_text(encoding="utf-8-sig")
    path.unlink()
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize(
    "kind", ["hostile", "bayesian", "three_groups", "continuous", "intercept_only", "large"]
)
def test_every_kind_of_fit_loads_without_errors_and_without_the_network(
    browser: Any, written: Callable[..., str], request: pytest.FixtureRequest, kind: str
):
    fit: Fit = request.getfixturevalue(kind)
    browser.get(written(fit, kind))
    page = tools(browser)
    assert errors(browser) == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    timing = "const t = performance.timing; return t.loadEventEnd - t.navigationStart"
    assert 0 < browser.execute_script(timing) < 2000
    assert sorted(page.column("mirna")) == sorted(fit.mirnas)
    points = len(page.texts("#pictures figure:first-child .point"))
    assert points == (0 if kind == "intercept_only" else len(fit))
    page.one("#effects-table .open").click()
    name = page.one("#mirna-title").text
    isomirs = fit.data["isomir"].values[fit.data["isomir_mirna"].values == name]
    assert sorted(page.column("isomir", "#mirna")) == sorted(isomirs)
    assert len(page.texts("#mirna .row")) == len(isomirs)
    assert errors(browser) == []


def test_names_are_text_wherever_they_stand(page: SimpleNamespace, names: SimpleNamespace):
    browser = page.browser
    assert set(names.hostile) <= set(page.column("mirna"))
    for name in names.hostile:
        row = page.column("mirna").index(name)
        page.browser.execute_script(
            "document.querySelectorAll('#effects-table .open')[arguments[0]].click()", row
        )
        assert page.texts("#mirna-title") == [name]
        page.press("\ue00c")
    assert browser.execute_script("return [window.hacked, document.scripts.length]") == [None, 2]
    assert page.texts("img, i:not([class]):not(.key i), script[src]") == []
    assert any("<i>case</i>" in text for text in page.texts(".verdict p"))
    assert errors(browser) == []  # an alert or a blocked script would be one


def test_headers_sort(page: SimpleNamespace):
    header = page.one("#effects-table th[data-key=log2_fc] button")
    header.click()
    values = [number(text) for text in page.column("log2_fc")]
    assert values == sorted(values, reverse=True)
    assert page.one("th[data-key=log2_fc]").get_attribute("aria-sort") == "descending"
    header.click()
    assert [number(text) for text in page.column("log2_fc")] == sorted(values)
    page.one("#effects-table th[data-key=mirna] button").click()
    plain = [name for name in page.column("mirna") if name.startswith("sim-miR-")]
    assert plain == sorted(plain, key=lambda name: int(name.rsplit("-", 1)[1]))
    assert len(page.browser.find_elements("css selector", "#effects-table th[aria-sort]")) == 1


def test_search_and_filters_hold_for_table_and_pictures(page: SimpleNamespace, hostile: Fit):
    effects = hostile.effects(hostile.design.terms[1]).set_index("mirna")
    page.type_in("#search", "MIR-1")
    assert set(page.column("mirna")) == {name for name in effects.index if "miR-1" in name}
    sequence = str(hostile.data["isomir"].values[0])
    assert len(page.texts("#pictures figure:first-child .point:not(.out)")) == len(page.column("mirna"))
    page.type_in("#search", sequence)
    assert page.column("mirna") == [str(hostile.data["isomir_mirna"].values[0])]
    page.type_in("#search", "sim-miR-12")
    assert "log(median CPM)" in page.one("#effects-table .none").text
    page.one("#filters button[type=reset]").click()
    assert soon(lambda: len(page.column("mirna")) == len(effects))
    page.choose("#direction", "down")
    down = effects[(effects["p_adjusted"] <= 0.05) & (effects["estimate"] < 0)]
    assert set(page.column("mirna")) == set(down.index)
    page.type_in("#fdr", "0.5")
    more = effects[(effects["p_adjusted"] <= 0.5) & (effects["estimate"] < 0)]
    assert set(page.column("mirna")) == set(more.index)
    page.choose("#direction", "all")
    page.type_in("#least", "1.5")
    assert set(page.column("mirna")) == set(effects.index[effects["log2_fc"].abs() >= 1.5])
    assert f"of {len(effects)} fitted" in page.one("#effects-table [role=status]").text


def test_the_menu_changes_the_comparison(browser: Any, three_groups: Fit, written: Callable[..., str]):
    browser.get(written(three_groups, "pairs", contrasts="pairs:group"))
    page = tools(browser)
    # B - A and C - A are coefficients, which stand once: the third of the menu is C - B.
    page.choose("#comparison", "2")
    expected = three_groups.contrast({"group": ("C", "B")}).set_index("mirna")["log2_fc"]
    shown = dict(zip(page.column("mirna"), map(number, page.column("log2_fc")), strict=True))
    assert shown == pytest.approx(expected.to_dict(), abs=0.0051)
    page.one("#effects-table .open").click()
    assert "group: C - B" in page.one("#mirna .lead").text


def test_a_point_of_the_volcano_opens_its_mirna(page: SimpleNamespace):
    name = page.column("mirna")[0]
    point = page.one("#pictures figure:first-child .point[data-row='{}']".format(
        page.one("#effects-table tbody tr").get_attribute("data-row")
    ))  # fmt: skip
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    selenium.ActionChains(page.browser).move_to_element(point).perform()
    assert page.one("#tooltip").text.splitlines()[0] == name
    selenium.ActionChains(page.browser).click().perform()
    assert page.texts("#mirna-title") == [name]
    assert page.texts("#mirna .line.mirna")
    order = page.column("mirna")
    page.one(".mirna-head button:nth-of-type(2)").click()
    assert page.texts("#mirna-title") == [order[1]]
    assert page.browser.execute_script("return decodeURIComponent(location.hash)") == f"#mirna={order[1]}"
    page.press("\ue00c")
    assert page.browser.execute_script("return document.querySelector('dialog').open") is False


def test_an_address_opens_a_mirna(browser: Any, hostile: Fit, written: Callable[..., str]):
    browser.get("about:blank")
    browser.get(written(hostile, "hostile") + "#mirna=sim-miR-9")
    assert tools(browser).texts("#mirna-title") == ["sim-miR-9"]


def test_the_download_is_what_the_table_shows(page: SimpleNamespace, hostile: Fit, downloads: Path):
    page.one("#effects-table th[data-key=log2_fc] button").click()
    page.one("#effects-table .download").click()
    header, *rows = saved(downloads, "effects.csv")
    effects = hostile.effects(hostile.design.terms[1]).set_index("mirna")
    at = header.index
    # A spreadsheet would run it as a formula, were it not for the apostrophe; numbers below 0 stay numbers.
    assert [row[0].removeprefix("'") for row in rows] == page.column("mirna")
    assert [row[0] for row in rows if row[0].startswith("'")] == ["'=HYPERLINK(1)"]
    for row in rows:
        own = effects.loc[row[0].removeprefix("'")]
        for name in ("estimate", "std_error", "lower", "upper", "log2_fc", "p_value", "p_adjusted"):
            assert float(row[at(name)]) == pytest.approx(own[name], rel=1e-5)
    assert min(float(row[at("estimate")]) for row in rows) < 0
    page.choose("#direction", "up")
    page.one("#effects-table .download").click()
    assert len(saved(downloads, "effects.csv")) - 1 == len(page.column("mirna")) < len(rows)
    page.one("#usage-table .download").click()
    usage = saved(downloads, "usage.csv")
    assert {row[0].removeprefix("'") for row in usage[1:]} == set(hostile.usage()["mirna"])
    page.one("#effects-table .open").click()
    title = page.texts("#mirna-title")[0]
    page.one("#mirna .download").click()
    file = soon(lambda: newest(downloads))
    isomirs = saved(downloads, file)
    assert {row[0].removeprefix("'") for row in isomirs[1:]} == {title}
    assert not set("<>/\\ ") & set(file)


def newest(folder: Path) -> str | None:
    return next((path.name for path in folder.glob("*_isomirs.csv")), None)


def test_everything_works_from_the_keyboard(page: SimpleNamespace):
    enter, right, down, escape = "\ue007", "\ue014", "\ue015", "\ue00c"
    focused = "return document.activeElement"
    page.browser.execute_script("document.querySelector('th[data-key=cpm] button').focus()")
    page.press(enter)
    assert page.one("th[data-key=cpm]").get_attribute("aria-sort") == "descending"
    names = page.column("mirna")
    page.browser.execute_script("document.querySelector('#effects-table .open').focus()")
    page.press(down, enter)
    assert page.texts("#mirna-title") == [names[1]]
    page.press(escape)
    assert page.browser.execute_script(focused).text == names[1]

    # The dialog tells of its closing a moment later, which must not pull back who has moved on by then.
    moved_on = """const [done, first] = [arguments[0], document.querySelector('#effects-table .open')];
        first.click();
        document.querySelector('dialog[open]').close();
        document.querySelector('th[data-key=cpm] button').focus();
        setTimeout(() => done(document.activeElement.closest('th')?.dataset.key), 100);"""
    assert page.browser.execute_async_script(moved_on) == "cpm"

    points = "#pictures figure:first-child .point"
    stops = page.browser.find_elements("css selector", f"{points}[tabindex='0']")
    assert len(stops) == 1  # one stop for Tab, arrow keys from there
    page.browser.execute_script("arguments[0].focus()", stops[0])
    page.press(right, right)
    label = page.browser.execute_script(focused).get_attribute("aria-label")
    page.press(enter)
    assert label.startswith(page.texts("#mirna-title")[0])
    page.press(escape)


def test_names_of_samples_end_within_the_heat_map(browser: Any, tmp_path: Path):
    counts = bm.simulate(3, n_mirnas=6, n_isomirs=4, seed=5).counts
    counts = counts.assign_coords(sample=[f"TCGA-CV-74{i:02}-01A" for i in range(6)])
    browser.get(bm.write_report(bm.fit(counts, "~ group", progress=False), tmp_path / "long.html").as_uri())
    beyond = """const map = document.querySelector('figure svg [transform*="rotate(-90)"]').closest('svg');
        const edge = map.getBoundingClientRect().bottom;
        return [...map.querySelectorAll('text')].map((t) => t.getBoundingClientRect().bottom - edge);"""
    found = browser.execute_script(beyond)
    assert len(found) > 6
    assert max(found) <= 4  # pixels; fonts differ by some


def test_isomirs_are_told_by_type_in_colour_shape_and_words(page: SimpleNamespace, hostile: Fit):
    page.one("#effects-table .open").click()
    mirna = page.texts("#mirna-title")[0]
    types = fit_types(hostile, mirna, None)
    assert page.column("type", "#mirna") == types.loc[page.column("isomir", "#mirna")].tolist()
    keys = {f"{kind}: {n}" for kind, n in types.value_counts().items()}
    assert set(page.texts("#mirna figure:last-child:has(.forest) .key")) == keys
    row = page.one("#mirna .row")
    selenium.ActionChains(page.browser).move_to_element(row).perform()
    lines = page.one("#tooltip").text.splitlines()
    assert f"type: {types[lines[0]]}" in lines
    assert any(line.endswith("the miRNA") for line in lines)
    page.choose("#colour-by", "change")
    assert not keys & set(page.texts("#mirna .key"))
    assert errors(page.browser) == []


def test_isomir_effects_without_room_are_missed_where_they_would_stand(
    browser: Any, three_groups: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    n = int(three_groups.data.sizes["isomir"])
    monkeypatch.setattr("bayes_mirglmm.report.isomirs.MOST_EFFECTS", n)
    browser.get(bm.write_report(three_groups, tmp_path / "small.html").as_uri())
    page = tools(browser)
    page.one("#effects-table .open").click()
    assert page.texts("#mirna .left-out") == []
    page.press("\ue00c")
    page.choose("#comparison", "1")
    page.one("#effects-table .open").click()
    (text,) = page.texts("#mirna .left-out")
    assert "Left out: the isomiR effects of C against A (group)" in text
    assert f"at most {n} rows of isomiRs: those of 1 of 2 comparisons; {n} of {2 * n} rows" in text
    assert "isomir_effects.tsv in the run's folder" in text
    assert text.endswith("Pictures and table below are of: B against A (group).")


def test_a_screen_shows_the_table_of_a_posterior_without_scrolling_aside(
    browser: Any, bayesian: Fit, written: Callable[..., str], downloads: Path
):
    metrics = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.get(written(bayesian, "bayesian"))
        page = tools(browser)
        room = "const r = document.querySelector(arguments[0]); return [r.scrollWidth, r.clientWidth]"
        for table in ("#effects-table .scroll", "#usage-table .scroll", "html"):
            wide, visible = browser.execute_script(room, table)
            assert wide <= visible, table
        keys = (
            "return [...document.querySelectorAll('#effects-table th[data-key]')].map((e) => e.dataset.key)"
        )
        assert "pareto_k" not in browser.execute_script(keys)
        page.one("#effects-table .download").click()
        assert {"pareto_k", "shrunk_s_value", "lfsr", "shrunk"} <= set(saved(downloads, "effects.csv")[0])
        page.one("#effects-table .every-column").click()
        assert "pareto_k" in browser.execute_script(keys)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_phone_scrolls_down_only(page: SimpleNamespace):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.browser.refresh()
        wide = "return [document.documentElement.scrollWidth, document.body.scrollWidth]"
        assert max(page.browser.execute_script(wide)) <= 390
        menu = "const m = document.querySelector('nav .wide'); return m.scrollWidth - m.clientWidth"
        assert page.browser.execute_script(menu) <= 0
        page.one("#effects-table .open").click()
        assert page.browser.execute_script("return document.querySelector('dialog').scrollWidth") <= 390
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_long_names_of_comparisons_stay_inside_a_phone(browser: Any, written: Callable[..., str]):
    levels = (
        "before surgery, untreated control",
        "after surgery, low dose",
        "after surgery, with complications",
    )
    drawn = bm.simulate(3, levels, n_mirnas=4, n_isomirs=4, theta=20.0, seed=5)
    fit = bm.fit(drawn.counts, "~ group", progress=False)
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        browser.get(written(fit, "long", contrasts="pairs:group"))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
