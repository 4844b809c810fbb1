# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there: resources by key, and what depends on what."""

from __future__ import annotations

from collections import defaultdict


class State:
    """Resources by key, with those that depend on each."""

    def __init__(self, resources=()):
        self.items, self.children, self.ports, self.places = {}, defaultdict(set), defaultdict(set), defaultdict(dict)
        self.fellows = defaultdict(dict)  # by what they have in common
        self.heard = {}  # by namespace, what the kernel answered
        self.foreseen = None, None  # the steps that were planned from here, and the state after them
        for resource in resources:
            self.add(resource)

    def __contains__(self, key):
        return key in self.items

    def __iter__(self):
        return iter(self.items.values())

    def get(self, key):
        return self.items.get(key)

    def copy(self):
        new = State()
        new.items = self.items.copy()
        for name in ("children", "ports", "places", "fellows"):
            getattr(new, name).update((key, found.copy()) for key, found in getattr(self, name).items())
        return new

    def link(self, ref):
        """The link of this (namespace, name)."""
        return self.items.get(("link",) + tuple(ref))

    def add(self, resource):
        key = resource.key
        if key in self.items:
            self.pop(key)
        self.items[key] = self.places[key[0], resource.netns][key] = resource
        for parent in resource.requires():
            self.children[parent].add(key)
        if getattr(resource, "master", None):
            self.ports[("link", resource.netns, resource.master)].add(key)
        for common in resource.in_common():
            self.fellows[common][key] = resource

    def pop(self, key):
        resource = self.items.pop(key, None)
        if resource is not None:
            self.places[key[0], resource.netns].pop(key)
            for parent in resource.requires():
                self.children[parent].discard(key)
            if getattr(resource, "master", None):
                self.ports[("link", resource.netns, resource.master)].discard(key)
            for common in resource.in_common():
                self.fellows[common].pop(key)
        return resource

    def within(self, netns, *sorts):
        """The resources of these sorts in a namespace."""
        return [r for sort in sorts for r in self.places[sort, netns].values()]

    def having(self, *common):
        """The resources that have this in common, in their order."""
        return list(self.fellows.get(common, {}).values())

    def on(self, key):
        """The resources that require this one, nearest first."""
        found = self.children.get(key, ())
        return [self.items[k] for k in (sorted(found, key=str) if len(found) > 1 else found)]

    def uppers(self, link):
        """The links on a link: its upper links."""
        return [r for r in self.on(link.key) if r.sort == "link"]

    def master_of(self, port):
        """The link of which this one is a port; None without one."""
        return self.link((port.netns, port.master)) if port is not None and port.master else None

    def ports_of(self, master):
        """The ports of a link, in the order of their names."""
        return [self.items[key] for key in sorted(self.ports.get(master.key, ()))]

    def spaces_around(self, resources):
        """The namespaces that have something of what a change of these can touch."""
        found, todo = {}, list(resources)
        todo += [port for r in resources if r.sort == "link" for port in self.ports_of(r)]
        while todo:
            r = todo.pop()
            if r is not None and r.key not in found:
                found[r.key] = r
                todo += self.on(r.key) + (r.near(self) if r.sort == "link" else [])
        return frozenset().union(*(r.reads().names for r in found.values()))

    def dependents(self, key):
        """All that requires a resource, and what requires that, and so on."""
        found = {}
        todo = self.on(key)
        while todo:
            r = todo.pop(0)
            if r.key not in found:
                found[r.key] = r
                todo = self.on(r.key) + todo
        return list(found.values())
