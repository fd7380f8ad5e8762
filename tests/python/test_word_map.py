"""The map of word vectors: what is in the file, and what a real browser does with it."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hogvec import KeyedVectors, Vocabulary
from hogvec.word_map import write_word_map

ODD_WORDS = ["</script><b>bold</b>", 'quo"ted', "<!--", "naïve", "日本", "\udcff\udcfe", "%title%"]
CLUSTERS, OF_EACH, DIM = 8, 40, 16


def planted(n_words: int = CLUSTERS * OF_EACH) -> KeyedVectors:
    """Word i belongs to cluster i % CLUSTERS; the first ones have odd letters."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(CLUSTERS, DIM))
    rows = centres[np.arange(n_words) % CLUSTERS] + 0.25 * random.normal(size=(n_words, DIM))
    words = [*ODD_WORDS, *(f"word{i:03}" for i in range(len(ODD_WORDS), n_words))][:n_words]
    return KeyedVectors(Vocabulary.from_words(words), rows.astype(np.float32))


def read_data(path: Path) -> dict[str, Any]:
    page = path.read_text(encoding="utf-8")
    [embedded] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(embedded)
    for name, dtype in (("points", "<i2"), ("neighbors", "<u4"), ("similarities", "u1"), ("colors", "u1")):
        data[name] = np.frombuffer(base64.b64decode(data[name]), dtype)
    data["points"] = data["points"].reshape(-1, 2)
    data["neighbors"] = data["neighbors"].reshape(len(data["words"]), -1)
    return data


@pytest.fixture(scope="module")
def vectors() -> KeyedVectors:
    return planted()


@pytest.fixture(scope="module")
def page(vectors: KeyedVectors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map") / "map.html"
    write_word_map(vectors, path, title="Plants & <animals>")
    return path


def test_words_survive_whatever_letters_they_have(page: Path) -> None:
    words = read_data(page)["words"]
    assert words[: len(ODD_WORDS)] == ODD_WORDS
    assert len(words) == CLUSTERS * OF_EACH


def test_neighbors_are_those_of_the_vectors(page: Path, vectors: KeyedVectors) -> None:
    data = read_data(page)
    for word in (0, 1, 17, 200):
        expected = vectors.most_similar(data["words"][word], topn=10)
        assert [data["words"][i] for i in data["neighbors"][word]] == [near.word for near in expected]
        shown = data["similarities"].reshape(-1, 10)[word] / 255
        assert shown == pytest.approx([near.similarity for near in expected], abs=1 / 255)


def test_similar_words_lie_together(page: Path) -> None:
    points = read_data(page)["points"].astype(np.float64)
    distance = ((points[:, None] - points) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    assert (nearest % CLUSTERS == np.arange(len(points)) % CLUSTERS).mean() > 0.95


def test_points_fill_the_range_of_their_integers_and_take_5_kb_per_1000(page: Path) -> None:
    points = read_data(page)["points"]
    assert max(abs(int(points.min())), int(points.max())) == 32767
    assert len(base64.b64encode(points.tobytes())) / len(points) < 5.5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_layout(
    page: Path, vectors: KeyedVectors, tmp_path: Path
) -> None:
    write_word_map(vectors, tmp_path / "again.html", title="Plants & <animals>")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()
    write_word_map(vectors, tmp_path / "other.html", seed=2)
    assert (read_data(tmp_path / "other.html")["points"] != read_data(page)["points"]).any()


def test_the_page_names_nothing_outside_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {"data:,"}
    assert "default-src 'none'" in text


def test_the_title_is_escaped_and_holds_no_place_for_other_parts(vectors: KeyedVectors, tmp_path: Path) -> None:
    write_word_map(vectors, tmp_path / "map.html", title="<b> %data% & co", max_words=5)
    assert "<title>&lt;b&gt; %data% &amp; co</title>" in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_only_the_first_words_are_shown(vectors: KeyedVectors, tmp_path: Path) -> None:
    write_word_map(vectors, tmp_path / "map.html", max_words=20)
    data = read_data(tmp_path / "map.html")
    assert data["words"] == vectors.vocabulary.words[:20]
    assert data["neighbors"].max() < 20


@pytest.mark.parametrize("n_words", [1, 2, 3, 4, 11])
def test_few_words_make_a_map_too(n_words: int, tmp_path: Path) -> None:
    write_word_map(planted(n_words), tmp_path / "map.html")
    data = read_data(tmp_path / "map.html")
    assert len(data["points"]) == n_words
    assert data["neighbors_of_each"] == min(10, n_words - 1)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_equal_and_empty_vectors_make_a_map_too(value: float, dim: int, tmp_path: Path) -> None:
    words = Vocabulary.from_words([f"w{i}" for i in range(12)])
    write_word_map(KeyedVectors(words, np.full((12, dim), value, np.float32)), tmp_path / "map.html")
    assert len(read_data(tmp_path / "map.html")["points"]) == 12


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    rows = np.ones((3, 4), np.float32)
    rows[1, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        write_word_map(KeyedVectors(Vocabulary.from_words(["a", "b", "c"]), rows), tmp_path / "map.html")


def test_wrong_arguments_are_refused(vectors: KeyedVectors, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_words must be at least 1, got 0"):
        write_word_map(vectors, tmp_path / "map.html", max_words=0)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        write_word_map(vectors, tmp_path / "map.html", seed=-1)
    with pytest.raises(FileNotFoundError):
        write_word_map(vectors, tmp_path / "nowhere" / "map.html", max_words=5)
    assert not list(tmp_path.iterdir())


# ---- in a browser ----


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no browser on PATH: {', '.join(names)}")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """The page in a window without animations, with a record of complaints and of requests."""

    def __init__(self, browser: Any, path: Path, **settings: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **settings)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)
        self.painted()

    def painted(self) -> None:
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def colors(self) -> dict[str, int]:
        """Count the pixels of the canvas by colour."""
        return self.page.evaluate(
            """() => {
              const c = document.querySelector("canvas"), count = {};
              const d = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer);
              for (const p of d) count[p] = (count[p] || 0) + 1;
              return count;
            }"""
        )

    def zoom(self) -> float:
        return float(self.page.text_content("#factor").removesuffix("\N{MULTIPLICATION SIGN}"))

    def search(self, text: str) -> None:
        self.page.fill("#search", text)
        self.page.press("#search", "Enter")
        self.painted()

    def shown(self) -> tuple[str, list[str]] | None:
        """Return the word of the panel and the neighbours below it, None if it is closed."""
        if not self.page.is_visible("#word"):
            return None
        return self.page.text_content("#word h2"), self.page.locator("#word li span").all_text_contents()

    def middle(self) -> tuple[float, float]:
        size = self.page.viewport_size
        return size["width"] / 2, size["height"] / 2

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith("data:")] == [self.address]


@pytest.fixture
def visit(browser: Any, page: Path) -> Iterator[Visit]:
    visit = Visit(browser, page, viewport={"width": 1100, "height": 750})
    yield visit
    visit.close()


def neighbors_of(vectors: KeyedVectors, word: str) -> list[str]:
    return [near.word for near in vectors.most_similar(word, topn=10)]


def test_the_canvas_shows_points_and_labels(visit: Visit) -> None:
    colors = visit.colors()
    assert len(colors) > 50  # the ground, a dozen colours of dots, their edges, and letters
    assert max(colors.values()) < sum(colors.values())
    assert int(visit.page.get_attribute("#map", "data-labels")) > 5
    assert visit.page.title() == "Plants & <animals>"


def test_a_searched_word_is_shown_in_the_middle_with_its_neighbors(visit: Visit, vectors: KeyedVectors) -> None:
    visit.page.fill("#search", "word04")
    assert visit.page.locator("#suggestions li").all_text_contents() == [f"word04{i}" for i in range(8)]
    visit.page.press("#search", "ArrowDown")
    visit.page.press("#search", "Enter")
    visit.painted()
    assert visit.shown() == ("word041", neighbors_of(vectors, "word041"))
    assert visit.zoom() >= 3
    visit.page.keyboard.press("Escape")
    assert visit.shown() is None
    visit.page.mouse.move(5, 5)
    visit.page.mouse.move(*visit.middle())  # it is there: pointing at the middle shows it again
    assert visit.shown() == ("word041", neighbors_of(vectors, "word041"))
    visit.page.mouse.move(*(0.99 * edge for edge in visit.middle()))


def test_a_word_with_markup_is_text(visit: Visit, vectors: KeyedVectors) -> None:
    visit.search("</SCRIPT>")
    assert visit.shown() == (ODD_WORDS[0], neighbors_of(vectors, ODD_WORDS[0]))
    assert visit.page.locator("#word b").count() == 0


def test_an_unknown_word_is_said_to_be_unknown(visit: Visit) -> None:
    visit.page.fill("#search", "nothing like it")
    assert visit.page.locator("#suggestions").text_content() == "Not on this map"
    visit.page.press("#search", "Enter")
    assert visit.shown() is None


def test_a_click_keeps_a_word_and_its_neighbors_lead_on(visit: Visit, vectors: KeyedVectors) -> None:
    visit.search("word100")
    visit.page.keyboard.press("Escape")
    visit.page.mouse.click(*visit.middle())
    visit.page.mouse.move(5, visit.page.viewport_size["height"] - 5)
    assert visit.shown() == ("word100", neighbors_of(vectors, "word100"))
    following = neighbors_of(vectors, "word100")[2]
    visit.page.locator("#word li button").nth(2).click()
    assert visit.shown() == (following, neighbors_of(vectors, following))
    visit.page.click("#close")
    assert visit.shown() is None


def test_wheel_keys_and_buttons_zoom(visit: Visit) -> None:
    labels = int(visit.page.get_attribute("#map", "data-labels"))
    assert visit.zoom() == 1
    visit.page.mouse.move(*visit.middle())
    visit.page.mouse.wheel(0, -400)
    visit.page.wait_for_function("parseFloat(document.getElementById('factor').textContent) > 1.3")
    by_wheel = visit.zoom()
    visit.page.keyboard.press("+")
    visit.painted()
    assert visit.zoom() == pytest.approx(1.5 * by_wheel, abs=0.1)
    visit.page.keyboard.press("-")
    visit.page.click("#in")
    visit.page.click("#in")
    visit.painted()
    assert visit.zoom() == pytest.approx(2.25 * by_wheel, abs=0.2)
    assert int(visit.page.get_attribute("#map", "data-labels")) != labels
    visit.page.click("#all")
    visit.painted()
    assert visit.zoom() == 1


def test_dragging_moves_the_map(visit: Visit) -> None:
    visit.search("word100")
    visit.page.keyboard.press("Escape")
    x, y = visit.middle()
    visit.page.mouse.move(x + 150, y + 150)
    visit.page.mouse.down()
    visit.page.mouse.move(x + 200, y + 180, steps=4)
    visit.page.mouse.up()
    visit.page.mouse.move(5, 5)
    visit.page.keyboard.press("Escape")
    visit.page.mouse.move(x + 50, y + 30)
    visit.painted()
    shown = visit.shown()
    assert shown is not None
    assert shown[0] == "word100"


def test_the_map_follows_the_color_scheme(browser: Any, page: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        visit = Visit(browser, page, color_scheme=scheme, viewport={"width": 600, "height": 500})
        colors = visit.colors()
        grounds.append(int(max(colors, key=lambda color: colors[color])) & 255)
        visit.close()
    assert grounds[0] > 220
    assert grounds[1] < 50


def test_a_finger_chooses_a_word_on_a_phone(browser: Any, page: Path, vectors: KeyedVectors) -> None:
    size = {"width": 390, "height": 800}
    visit = Visit(browser, page, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    visit.search("word123")
    panel, header = (visit.page.locator(part).bounding_box() for part in ("#word", "header"))
    assert panel["y"] + panel["height"] <= size["height"]
    top = header["y"] + header["height"]
    middle = (size["width"] / 2, (top + panel["y"]) / 2)
    visit.page.tap("#close")
    assert visit.shown() is None
    moved = size["height"] / 2 + top / 2 - middle[1]  # the free area is larger without the panel
    visit.page.touchscreen.tap(middle[0], middle[1] + moved)
    assert visit.shown() == ("word123", neighbors_of(vectors, "word123"))
    visit.close()


def test_two_fingers_zoom_about_their_middle(browser: Any, page: Path, vectors: KeyedVectors) -> None:
    visit = Visit(browser, page, viewport={"width": 700, "height": 600}, has_touch=True)
    visit.search("word123")
    visit.page.keyboard.press("Escape")
    before = visit.zoom()
    x, y = visit.middle()
    driver = visit.context.new_cdp_session(visit.page)
    for kind, spread in (("touchStart", 40), ("touchMove", 50), ("touchMove", 80), ("touchEnd", None)):
        points = [] if spread is None else [{"x": x - spread, "y": y}, {"x": x + spread, "y": y}]
        driver.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    visit.painted()
    assert visit.zoom() == pytest.approx(2 * before, rel=0.05)
    visit.page.touchscreen.tap(x, y)  # what was between the fingers still is
    assert visit.shown() == ("word123", neighbors_of(vectors, "word123"))
    visit.close()


def test_a_map_of_one_word_works(browser: Any, tmp_path: Path) -> None:
    write_word_map(planted(1), tmp_path / "map.html")
    visit = Visit(browser, tmp_path / "map.html", viewport={"width": 800, "height": 600})
    visit.page.mouse.move(*visit.middle())
    assert visit.shown() == (ODD_WORDS[0], [])
    visit.close()
