# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and commands in docs/beside-other-managers.md, by the name in their first line."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "beside-other-managers.md"
TEXT = PAGE.read_text()
PARTS = dict(re.findall(r"^```\w*\n# ([^\n]+)\n(.*?)^```$", TEXT, re.M | re.S))
MAC = "02:00:00:77:00:0d"


def install(host, *paths):
    """Put files of the page on a host, with its own addresses."""
    for path in paths:
        mode = "600" if path.endswith(".nmconnection") else "644"
        text = PARTS[path].replace(MAC, host.mac)
        host.put(path, text, mode)


def commands(name, host, **words):
    """Run commands of the page on a host, with other words."""
    text = PARTS[name]
    for old, new in words.items():
        text = text.replace(old, new)
    host.sh(text)
