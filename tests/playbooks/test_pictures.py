# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the playbook picture, opened from its file in a browser without a network."""

import shutil
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from playing import absent, play
from playwright.sync_api import sync_playwright

SIZE = {"width": 1400, "height": 900}
# Texts over which something filled is painted cannot be read.
COVERED = """() => [...document.querySelectorAll("svg .node text ~ path")]
  .filter(path => getComputedStyle(path).fill !== "none").length"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        # Chromium's own sandbox is not for root.
        yield playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])


@pytest.fixture
def opened(browser):
    """Open a page, and at the end see that it asked for nothing else and had no errors."""
    pages = []

    def open_page(path, **options):
        page, told = browser.new_page(viewport=SIZE, **options), []
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.append(request.url))
        page.goto(path.as_uri())
        pages.append((path, told))
        return page

    yield open_page
    assert pages and all(told == [path.as_uri()] for path, told in pages), pages


def lab(size):
    """A bridge with so many nodes around it."""
    nodes = [{"name": "host", "netns": "", "links": [{"kind": "bridge", "name": "br0"}]}]
    links = []
    for number in range(1, size):
        nodes.append({"name": "n%d" % number, "links": [{"kind": "macvlan", "name": "m0", "link": "eth0"}]})
        far = {"node": "n%d" % number, "name": "eth0", "addresses": ["10.0.%d.%d/16" % divmod(number, 256)]}
        links.append({"endpoints": [{"node": "host", "name": "p%d" % number, "master": "br0"}, far]})
    return {"nodes": nodes, "links": links}


def overlap(one, other):
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize("size", [3, 30, 300])
def test_what_is_wanted(size, tmp_path, opened):
    (tmp_path / "wanted.yml.j2").write_text(yaml.safe_dump(lab(size)))
    play("picture", picture_source=str(tmp_path / "wanted.yml.j2"), picture_dest=str(tmp_path / "page.html"))
    page = opened(tmp_path / "page.html")
    assert page.title() == "wanted"
    assert page.locator("svg .node").count() == size and page.locator("svg .edge.up").count() == size - 1
    at = [box.bounding_box() for box in page.locator("svg .node").all()]
    assert min(box["x"] for box in at) >= 0 and max(box["x"] + box["width"] for box in at) <= SIZE["width"]
    assert min(box["y"] for box in at) >= 0 and max(box["y"] + box["height"] for box in at) <= SIZE["height"]
    assert page.evaluate(COVERED) == 0
    assert not any(map(overlap, *zip(*combinations(at, 2))))
    page.get_by_role("searchbox").fill("10.0.0.2")
    found = [n for n in range(1, size) if "10.0.0.2" in "10.0.%d.%d/16" % divmod(n, 256)]
    assert page.get_by_role("status").text_content() == "%d of %d" % (len(found), size)
    assert page.locator("svg .node.found").count() == len(found)
    page.locator("#node-2").dispatch_event("click")
    assert page.locator("aside").inner_text().split("\n")[:6:2] == ["n2", "n2", "veth"]
    assert "10.0.0.2/16" in page.locator("aside").inner_text()
    page.screenshot(path=str(tmp_path / "page.png"))


def test_what_is_there(host, tmp_path, opened):
    play("bridge_lan")
    host.shell("ip -n ns1 link set dev tap1 down")
    play("picture", picture_dest=str(tmp_path / "page.html"), picture_reachability=True)
    page = opened(tmp_path / "page.html")
    assert page.title() == "The network of localhost"
    assert page.locator("svg .edge.down").count() == 1 and page.locator("svg .edge.up").count() == 3
    # Three that are up reach each other and themselves; the host and ns1 reach nobody, but for ns1 itself.
    assert page.locator("#reached td.yes").count() == 9 + 1 and page.locator("#reached td.no").count() == 10
    page.screenshot(path=str(tmp_path / "page.png"))
    shows_where_it_is_lost(page, tmp_path)
    absent("bridge_lan")


def shows_where_it_is_lost(page, folder):
    """A cell of the matrix that is clicked: the way there, the place to blame, the reason."""
    page.locator('#reached td.told[data-from=ns2][data-to="192.168.50.1"]').click()
    aside = page.locator("aside").inner_text()
    assert aside.startswith("ns2 to 192.168.50.1") and "tap1 in ns1" in aside and "is down" in aside, aside
    assert page.locator("svg .node.path").count() >= 2
    spot, box = page.locator("#spot").bounding_box(), page.locator("svg .node:has(#spot)").bounding_box()
    assert overlap(spot, box) and "ns1" in page.locator("svg .node:has(#spot)").text_content()
    page.screenshot(path=str(folder / "spot.png"))
    page.locator("#reached td.told").first.press("Enter")
    assert page.locator("#spot").count() <= 1 and page.locator("aside").inner_text() != aside


def test_light_and_dark(tmp_path, opened):
    (tmp_path / "wanted.yml.j2").write_text(yaml.safe_dump(lab(3)))
    play("picture", picture_source=str(tmp_path / "wanted.yml.j2"), picture_dest=str(tmp_path / "page.html"))
    of = "getComputedStyle(document.querySelector('%s'))"
    colours = "() => [%s.backgroundColor, %s.fill]" % (of % "body", of % "svg text")
    light, dark = (
        opened(tmp_path / "page.html", color_scheme=scheme).evaluate(colours) for scheme in ("light", "dark")
    )
    assert light[0] != dark[0] and light[1] != dark[1] and light[0] != light[1] and dark[0] != dark[1]


def test_nothing_of_a_description_becomes_part_of_the_page(tmp_path, opened):
    bad = {
        "nodes": [{"name": '<b id="x">&"\\', "links": [{"kind": "</script><b id=y>", "name": "l", "mtu": "</script>"}]}]
    }
    (tmp_path / "wanted.yml.j2").write_text(yaml.safe_dump(bad))
    play("picture", picture_source=str(tmp_path / "wanted.yml.j2"), picture_dest=str(tmp_path / "page.html"))
    page = opened(tmp_path / "page.html")
    assert page.locator("svg .node").count() == 1 and page.locator("#x, #y").count() == 0
    page.locator("#node-0").dispatch_event("click")
    assert page.locator("aside h2").text_content() == bad["nodes"][0]["name"]


def test_a_page_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "wanted.yml.j2").write_text(yaml.safe_dump(lab(3)))
    options = {"picture_source": str(tmp_path / "wanted.yml.j2"), "picture_dest": str(tmp_path / "page.html")}
    assert play("picture", **options).changed
    first = Path(options["picture_dest"]).read_text()
    assert not play("picture", **options).changed and Path(options["picture_dest"]).read_text() == first
