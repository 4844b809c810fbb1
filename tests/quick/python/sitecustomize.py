# SPDX-License-Identifier: GPL-3.0-or-later
"""Python code that comes in zip archives, as Ansible's modules do, is compiled once and then kept in $COMPILED."""

import _imp
import marshal
import os
import sys
import zipimport

COMPILED = os.environ.get("COMPILED")
compile_source = zipimport._compile_source


def kept(pathname, source):
    """The code of a file: Python asks for it each time, as there is no place for it in the archive."""
    path = os.path.join(COMPILED, _imp.source_hash(sys.hexversion, source).hex())
    try:
        with open(path, "rb") as f:
            code = marshal.load(f)
    except OSError:
        code = compile_source(pathname, source)
        part = "%s.%d" % (path, os.getpid())
        with open(part, "wb") as f:
            marshal.dump(code, f)
        os.replace(part, path)
    _imp._fix_co_filename(code, pathname)
    return code


if COMPILED and os.access(COMPILED, os.W_OK):
    zipimport._compile_source = kept
