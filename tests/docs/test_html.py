# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML documentation, as a browser shows it."""

import os
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

TOP = Path(__file__).parents[2]


class Page(HTMLParser):
    """Of a page its text, what can be linked to, what it links to and what it loads."""

    def __init__(self, html):
        super().__init__()
        self.text, self.ids, self.links, self.loads = [], set(), set(), set()
        self.feed(html)
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links |= {attrs["href"]} if tag == "a" and "href" in attrs else set()
        self.loads |= {attrs.get("src"), attrs.get("href") if tag == "link" else None} - {None}

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="session")
def html():
    """The folder with the pages, made anew without a warning."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    made = subprocess.run(["make", "docs"], cwd=TOP, env=env, stdout=-1, stderr=-2, text=True, check=False)
    assert made.returncode == 0, made.stdout
    index = Path(made.stdout.splitlines()[-1])
    assert index.name == "index.html"
    return index.parent


@pytest.fixture(scope="session")
def pages(html):
    return {path: Page(path.read_text()) for path in html.rglob("*.html") if "_static" not in path.parts}


@pytest.fixture
def browser(html, tmp_path):
    """A page as Chromium has it in the end."""

    def visit(page):
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=%s" % tmp_path]
        command += ["--virtual-time-budget=10000", "--dump-dom", "file://%s/%s" % (html, page)]
        return Page(subprocess.run(command, stdout=-1, stderr=-3, text=True, check=True).stdout)

    return visit


def test_index(browser):
    page = browser("index.html")
    assert "An Ansible collection that makes Linux virtual networks" in page.text
    assert {"docs/concepts.html", "roles/nat_gateway/README.html", "collection/index.html"} <= page.links


def test_module(browser):
    page = browser("collection/veth_module.html")
    assert "virtnet.linux.veth module" in page.text and "rollback_commands" in page.text
    assert "parameter-peer/name" in page.ids


def test_tutorial(browser):
    page = browser("docs/tutorials/bridge_lan.html")
    assert "tap1 192.168.50.1/24" in page.text  # in the picture
    assert "ip link add name br1 up type bridge" in page.text
    assert "../../roles/bridge_lan/README.html" in page.links


def test_search(browser):
    assert "collection/vxlan_module.html" in {link.partition("?")[0] for link in browser("search.html?q=vxlan").links}


def test_links_lead_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links | page.loads:
            there = urlsplit(link)
            if there.scheme:
                continue
            target = (path.parent / unquote(there.path)).resolve() if there.path else path
            if not target.is_file() or (there.fragment and unquote(there.fragment) not in pages[target].ids):
                broken.append((str(path), link))
    assert len(pages) > 50 and not broken


def test_loads_nothing_from_elsewhere(pages):
    assert {url for page in pages.values() for url in page.loads if urlsplit(url).scheme not in ("", "data")} == set()
