# SPDX-License-Identifier: GPL-3.0-or-later
"""What all hosts of these tests share is loaded once."""

import grammar
import hosts
import pytest


@pytest.fixture(scope="session", autouse=True)
def here():
    hosts.preload()
    grammar.known()
