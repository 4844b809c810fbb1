# SPDX-License-Identifier: GPL-3.0-or-later
"""What each task of a play returned, one line of JSON each, for a program that reads it."""

import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Print one line a result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lines"

    def line(self, result, **more):
        # Warnings are left out of the dump, and are texts only before ansible-core 2.19.
        warnings = [getattr(w, "_format_plain", w.__str__)() for w in result._result.get("warnings", [])]
        told = {**json.loads(self._dump_results(result._result)), "warnings": warnings, **more}
        print(json.dumps(told), flush=True)

    def v2_runner_on_ok(self, result):
        self.line(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.line(result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self.line(result, failed=True, unreachable=True)
