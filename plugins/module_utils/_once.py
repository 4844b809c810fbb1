# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imported first by every module: what Ansible packs into an archive is compiled once.

zipimport compiles a file to learn its name, throws the code away, and compiles it again to run it (CPython 3.8 to
3.13).
"""

from __future__ import annotations

import gc
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pkgutil import get_importer
from zipimport import ZipImportError, zipimporter

if isinstance(__spec__.loader, zipimporter):
    gc.disable()  # a task ends before it has garbage worth the time


class Once:
    """A finder that knows the name of a file in an archive without its code."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        for entry in path or ():
            importer = get_importer(entry)  # also of a folder in which nothing was looked for yet
            if not isinstance(importer, zipimporter):
                continue
            try:
                is_package = importer.is_package(fullname)
            except ZipImportError:
                continue
            place = "%s/%s" % (entry, fullname.rpartition(".")[2])
            origin = place + ("/__init__.py" if is_package else ".py")
            spec = ModuleSpec(fullname, importer, origin=origin, is_package=is_package)
            spec.has_location = True
            if is_package:
                spec.submodule_search_locations.append(place)
            return spec
        return None


if Once not in sys.meta_path:
    sys.meta_path.insert(sys.meta_path.index(PathFinder), Once)
