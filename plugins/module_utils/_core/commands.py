# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step as command lines that do the same in a shell: ip(8), bridge(8), tc(8), sysctl(8), nft(8), iptables(8)."""

from __future__ import annotations

from functools import lru_cache
from shlex import quote


def commands(change):
    """The lines, in order."""
    return spelled(change.target.commands(change))


def spelled(lines):
    """Each as one text."""
    return [line if isinstance(line, str) else " ".join(map(quoted, line)) for line in lines]


@lru_cache(maxsize=None)
def quoted(word):
    """A word for a shell; one that is no UTF-8 by its bytes."""
    try:
        word.encode()
    except UnicodeEncodeError:
        octal = "".join("\\%03o" % byte for byte in word.encode(errors="surrogateescape"))
        return "\"$(printf '%s')\"" % octal
    return quote(word)
