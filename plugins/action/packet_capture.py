# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node's part of packet_capture: it keeps the pcaps and decodes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path

from ansible.plugins.action import ActionBase

DECODING = 600  # seconds
DECODE = Path(__file__).parents[1] / "plugin_utils/decode.py"


class ActionModule(ActionBase):
    """Run the module, and turn the pcaps that it returns into packets."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        if find_spec("scapy") is None:
            return dict(result, failed=True, msg="packet_capture needs scapy on the control node: pip install scapy")
        # Its start takes as long as the module: both go on at once.
        decoder = subprocess.Popen(
            [sys.executable, str(DECODE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            result.update(self._execute_module(task_vars=task_vars))
            captures = result.pop("captures", None)
            odd = not all(map(is_capture, captures or ()))
            pcaps = [] if odd else [one["pcap"] for one in captures or ()]
            # What a host sends may be made to keep whoever reads it busy.
            said, complaint = decoder.communicate(json.dumps(pcaps), timeout=DECODING)
        except subprocess.TimeoutExpired:
            return dict(result, failed=True, msg="cannot decode the captures within %d s" % DECODING)
        finally:
            decoder.kill()
            decoder.wait()
        if captures is None:
            return result
        if odd:
            return dict(result, failed=True, msg="the host does not return captures of network namespaces and links")
        folder = self._task.args.get("pcap")
        if folder and captures:
            result["files"] = keep(self._loader.path_dwim(folder), captures)
        if decoder.returncode:
            return dict(result, failed=True, msg="cannot decode the captures: %s" % complaint)
        result["packets"] = sorted(
            (
                dict(packet, netns=one["netns"], dev=one["dev"])
                for one, packets in zip(captures, json.loads(said))
                for packet in packets
            ),
            key=lambda packet: packet["time"],
        )
        return result


def is_capture(one):
    """Whether it is one, of names that are no way to another folder."""
    try:
        names = one["netns"], one["dev"]
        return all(name == os.path.basename(name) and name not in (".", "..") for name in names) and bool(one["pcap"])
    except (AttributeError, KeyError, TypeError):
        return False


def keep(folder, captures):
    """Write the captures to files, one for each link; return their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = []
    for one in captures:
        paths.append(os.path.join(folder, ".".join(filter(None, (one["netns"], one["dev"], "pcap")))))
        with open(paths[-1], "wb") as f:
            f.write(b64decode(one["pcap"]))
    return paths
