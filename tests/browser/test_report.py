"""Reports of runs in headless Chromium: they load without an error, their parts are there, clicks and keys work, and
neither a phone, nor a dark room, nor a screen reader is shut out.

WTA_PROGRAM is the program; WTA_SCREENSHOTS, if it is set, a folder for pictures of the pages.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

np = pytest.importorskip("numpy")

SECTIONS = ["glance", "recipe", "training", "dictionary", "samples", "classifier", "sizes", "again"]

SMALL = """
name = "{name}"
about = "{name} <b>for</b> the & tests"
data = {data}
network = {network}
sparsity = {sparsity}
training = {{ epochs = 2, batch = 50, optimizer = "adam", rate = 2e-3{training} }}
svm = {{ c = [0.1, 1.0] }}
{more}
"""

CONV = '{ kind = "convolutional", encoder = [{ maps = 6, kernel = [%s] }], decoder_kernel = [%s], initial = "he" }'

BELOW = """
[below]
name = "lower"
about = "below"
data = { set = "digits" }
network = { kind = "convolutional", encoder = [{ maps = 4, kernel = 5 }], decoder_kernel = 7, initial = "he" }
sparsity = { lifetime = 0.2 }
training = { epochs = 1, batch = 100, optimizer = "adam", rate = 2e-3 }
features = { pool = { kernel = 7, stride = 7 } }
"""


def wta(*arguments):
    program = os.environ["WTA_PROGRAM"]
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each kind, with its folder of data or None."""
    folder = tmp_path_factory.mktemp("runs")
    random = np.random.default_rng(1)
    np.save(folder / "vectors.npy", random.normal(size=(500, 16)).astype("f4"))
    time = np.arange(64)
    waves = np.stack([np.stack([np.sin(time * (0.1 + 0.2 * (i % 3))), random.normal(size=64)]) for i in range(300)])
    np.save(folder / "waves.npy", waves.astype("f4"))
    np.save(folder / "kinds.npy", np.arange(300) % 3)
    digits = '{ set = "digits" }'
    recipes = {
        "digits": dict(data=digits, network=CONV % ("5, 5", "9, 9"), sparsity="{ lifetime = 0.2 }"),
        "vectors": dict(
            data='{ set = "array", train = "vectors.npy" }',
            network='{ kind = "fully-connected", units = [24], initial = "he" }',
            sparsity="{ per-sample = 3 }",
            training=", held_out = 0.2",
        ),
        "waves": dict(
            data='{ set = "array", train = "waves.npy", kind = "signals", train_labels = "kinds.npy", '
            'test_share = 0.2, class_names = ["slow & <i>low</i>", "wave", "fast"] }',
            network=CONV % ("1, 7", "1, 9"),
            sparsity="{ lifetime = 0.2 }",
        ),
        "stack": dict(
            data=digits,
            network='{ kind = "fully-connected", units = [12], initial = "he" }',
            sparsity="{ lifetime = 0.2 }",
            more=BELOW,
        ),
    }
    made = {}
    for name, recipe in recipes.items():
        path = folder / f"{name}.toml"
        path.write_text(SMALL.format(name=name, **{"training": "", "more": "", **recipe}))
        data = [] if recipe["data"] == digits else ["--data", folder]
        wta("train", path, "--run", folder / name, *data)
        wta("eval", "--run", folder / name, *data)
        made[name] = (folder / name, data)
    return made


@pytest.fixture(scope="module", params=["light", "dark"])
def browser(request):
    options = webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,900"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Debian's pair; without a path, Selenium looks for another one on the network.
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    scheme = [{"name": "prefers-color-scheme", "value": request.param}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    browser.scheme = request.param
    yield browser
    browser.quit()


def page(name, runs):
    folder, data = runs[name]
    wta("report", folder, *data)
    return folder / "report.html"


def opened(browser, path):
    browser.get(path.as_uri())
    said = browser.get_log("browser")
    assert said == [], said
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
    )
    assert loaded == [], "nothing else is asked for"


def clicked(browser, element):
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", element)
    element.click()


def photographed(browser, name):
    folder = os.environ.get("WTA_SCREENSHOTS")
    if folder:
        height = browser.execute_script("return document.documentElement.scrollHeight")
        size = browser.get_window_size()
        browser.set_window_size(size["width"], min(height + 200, 9000))
        browser.save_screenshot(str(Path(folder) / f"{name}-{browser.scheme}.png"))
        browser.set_window_size(size["width"], size["height"])


def accessible(browser):
    found = Axe().run(browser)
    told = [(rule["id"], [node["html"][:200] for node in rule["nodes"]][:3]) for rule in found["violations"]]
    assert told == [], json.dumps(told, indent=1)


@pytest.mark.parametrize("name", ["digits", "vectors", "waves", "stack"])
def test_every_part_is_there_and_can_be_read_by_everybody(browser, runs, name):
    path = page(name, runs)
    assert path.stat().st_size < 3_000_000
    opened(browser, path)
    assert browser.title == name
    for section in SECTIONS:
        part = browser.find_element(By.ID, section)
        assert part.find_element(By.TAG_NAME, "h2").is_displayed()
        assert len(part.text) > 20, section
    # Pictures are whole, and each has a text or stands in a button that has one.
    for picture in browser.find_elements(By.CSS_SELECTOR, "main img"):
        assert int(picture.get_property("naturalWidth")) > 0
        named = picture.get_attribute("alt") or picture.find_element(By.XPATH, "..").get_attribute("aria-label")
        assert named
    charts = browser.find_elements(By.CSS_SELECTOR, "#training .chart svg")
    assert len(charts) >= 4
    # What a recipe says is text, whatever it looks like.
    assert browser.find_elements(By.CSS_SELECTOR, "main b, main i") == []
    accessible(browser)
    photographed(browser, name)


@pytest.mark.parametrize("name", ["digits", "waves"])
def test_a_click_and_a_key_show_what_excites_an_atom(browser, runs, name):
    opened(browser, page(name, runs))
    dialog = browser.find_element(By.ID, "atom")
    assert not dialog.is_displayed()
    atoms = browser.find_elements(By.CSS_SELECTOR, ".atom")
    clicked(browser, atoms[0])
    assert dialog.is_displayed()
    assert dialog.find_element(By.TAG_NAME, "h2").text == atoms[0].get_attribute("aria-label")
    pictures = dialog.find_elements(By.CSS_SELECTOR, ".samples img")
    assert pictures and all(int(picture.get_property("naturalWidth")) > 0 for picture in pictures)
    assert all("sample" in caption.text for caption in dialog.find_elements(By.TAG_NAME, "figcaption"))
    accessible(browser)
    photographed(browser, f"{name}-atom")
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert browser.switch_to.active_element == atoms[0], "the focus is where it was"
    atoms[-1].send_keys(Keys.ENTER)
    assert dialog.find_element(By.TAG_NAME, "h2").text == atoms[-1].get_attribute("aria-label")
    dialog.find_element(By.TAG_NAME, "button").click()
    assert not dialog.is_displayed()
    assert browser.get_log("browser") == []


def test_a_phone_shows_all_without_moving_sideways(browser, runs):
    for name in ["digits", "waves"]:
        path = page(name, runs)
        metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        opened(browser, path)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        accessible(browser)
        photographed(browser, f"{name}-phone")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert wide <= 360


def test_runs_stand_side_by_side_with_what_differs(browser, runs, tmp_path):
    path = tmp_path / "all.html"
    folders = [folder for folder, _ in runs.values()]
    data = [part for _, data in runs.values() for part in (data or ["--data", tmp_path])]
    wta("report", *folders, *data, "--out", path)
    assert path.stat().st_size < 3_000_000
    opened(browser, path)
    heads = [head.text for head in browser.find_elements(By.CSS_SELECTOR, "#glance table thead th")]
    assert heads[1:5] == list(runs)
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#glance tbody th")]
    assert "test error" in rows and "network.kind" in rows and "svm.c" not in rows
    places = [part.rect["x"] for part in browser.find_elements(By.CSS_SELECTOR, "#dictionary article")][:2]
    assert places[0] < places[1], "side by side"
    accessible(browser)
    photographed(browser, "all")


def test_a_page_of_a_paper_loads(browser, tmp_path):
    wta("paper", "mnist", "--quick", "--run", tmp_path / "paper", "--only", "mnist-conv16,figure-1")
    opened(browser, tmp_path / "paper" / "paper-mnist.html")
    assert len(browser.find_elements(By.TAG_NAME, "table")) >= 1
    for picture in browser.find_elements(By.TAG_NAME, "img"):
        assert int(picture.get_property("naturalWidth")) > 0
    accessible(browser)
    photographed(browser, "paper")
