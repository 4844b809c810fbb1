# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the managers ask of a result."""

import re

# Who can know better than the task what is to be done with a card, and the words for what they gave it.
MANAGERS = r"networkd|NetworkManager|DHCP|router advertisement|dynamic|lease|SLAAC|lifetime"


def refused(result, *words):
    """Whether a task refused beforehand, with a sentence that names these words and says what to do."""
    if not result.failed:
        return False
    assert not result.unreachable, "the task lost its host: %s" % result.msg
    assert "put back" not in result.msg and not re.search(r"step \d+ of \d+", result.msg), (
        "no refusal beforehand, but a step that failed: %s" % result.msg
    )
    for word in words:
        assert re.search(word, result.msg), "the refusal does not name %s: %s" % (word, result.msg)
    return True


def succeeded(result):
    assert not result.failed, result.msg
    return result


def warned(result, *words):
    """Whether a warning names all these words."""
    return any(all(re.search(word, text) for word in words) for text in result.warnings)


def bridge(**more):
    """A bridge that takes the host's card."""
    return dict(dict(name="br0", ports=[{"name": "vec0"}], take_over_addresses=True), **more)


def node(**parts):
    """What a topology has in the host's own network namespace."""
    return {"name": "host", "netns": "", **parts}


def edge(**more):
    """The same bridge, as a topology."""
    link = {"kind": "bridge", "name": "br0", "ports": [{"name": "vec0"}], "take_over_addresses": True}
    return dict(dict(name="edge", nodes=[node(links=[link])]), **more)
