# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module returns, as JSON takes it."""

from __future__ import annotations


def legible(value):
    """Plain data as JSON takes it: of other people's names each byte that is no UTF-8 as \\xNN."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    if isinstance(value, dict):
        return {legible(name): legible(one) for name, one in value.items()}
    return [legible(one) for one in value] if isinstance(value, (list, tuple)) else value
