# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode of the character device of a macvtap."""

from __future__ import annotations

import errno
import os
import stat

from .._core.values import merged, replace
from .._kinds.macvlan import device_news
from .._namespaces import check, libc


def read_link(kernel, link):
    try:
        found = device(kernel, link.netns, link.kind, link.index)
    except OSError:
        return link, []
    news = dict(owner=found.st_uid, group=found.st_gid, device_mode=stat.S_IMODE(found.st_mode))
    return replace(link, attrs=merged(link.attrs, news)), []


def write_link(kernel, change):
    target, news = change.target, device_news(change)
    if not news:
        return
    index = kernel.netlink(target.netns).index(target.name)
    path = "/dev/tap%d" % index
    try:
        device(kernel, target.netns, target.kind, index)
    except OSError as e:
        text = "there is no %s here" % path if e.errno == errno.ENOENT else e.strerror
        raise OSError(e.errno, "%s: %s" % (min(news), text))
    os.chown(path, news.get("owner", -1), news.get("group", -1))
    if "device_mode" in news:
        os.chmod(path, news["device_mode"])


def device(kernel, netns, kind, index):
    """What stat(2) says of the character device of a link; all network namespaces have one folder for them."""
    path = "/dev/tap%d" % index
    with kernel.inside(netns):
        folder = mount_sysfs()
    try:
        file = os.open("class/%s/tap%d/dev" % (kind, index), os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    with open(file) as f:
        number = f.read().strip()
    found = os.stat(path)
    if not stat.S_ISCHR(found.st_mode) or number != "%d:%d" % (os.major(found.st_rdev), os.minor(found.st_rdev)):
        raise OSError(errno.EEXIST, "%s is that of another link, which has the same index elsewhere" % path)
    return found


def mount_sysfs():
    """A descriptor of a sysfs of the namespace that this thread is in, mounted nowhere (Linux 5.2)."""
    context = libc.syscall(430, b"sysfs", 1)  # fsopen(2), which older C libraries lack
    check(context)
    try:
        check(libc.syscall(431, context, 6, None, None, 0))  # fsconfig(2): FSCONFIG_CMD_CREATE
        mount = libc.syscall(432, context, 1, 0)  # fsmount(2)
        check(mount)
        return mount
    finally:
        os.close(context)
