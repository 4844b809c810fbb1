# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can fall with a link, or change with it: a module that changes links ships all of it. Nothing is loaded here."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kinds import (  # noqa: F401
        bond,
        bridge,
        gre,
        hsr,
        ipvlan,
        macsec,
        macvlan,
        netkit,
        simple,
        tunnel,
        tuntap,
        veth,
        vlan,
        vrf,
        vti,
        vxlan,
        wireguard,
        xfrm,
    )
    from .._resources import link_anew, link_checks, link_options, link_plan, link_predict, link_words  # noqa: F401
    from . import (  # noqa: F401
        address,
        fdb,
        impairment,
        isatap,
        link_write,
        mdb,
        neighbour,
        nexthop,
        route,
        sysctl,
        tapdev,
        vlans,
    )
    from . import hsr as hsr_rtnl  # noqa: F401
    from . import macsec as macsec_rtnl  # noqa: F401
    from . import tuntap as tuntap_rtnl  # noqa: F401
    from . import wireguard as wireguard_rtnl  # noqa: F401
