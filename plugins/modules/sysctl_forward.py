#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.virtnet.linux.plugins.module_utils._task import task


def main():
    task("sysctl_forward")


if __name__ == "__main__":
    main()
