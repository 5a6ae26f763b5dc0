//! Addresses that messages must not be sent to, unless a channel lists them.
//!
//! The ranges are those of the IANA registries of special-purpose addresses (RFC 6890), and addresses at which clouds
//! serve secrets. In IPv6 only `2000::/3` is assigned for the internet, so everything else is refused. An IPv6 address
//! that stands for an IPv4 address is judged by that address: a gateway or the kernel would send to it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address is in a range that is not public, and that the channel does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::notify) struct Refused {
    /// The address.
    pub(in crate::notify) address: IpAddr,
    /// What its range is for.
    pub(in crate::notify) range: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.range)
    }
}

/// Checks an address.
///
/// # Errors
/// When it is in a range that is neither public nor in `allowed`.
pub(in crate::notify) fn check(address: IpAddr, allowed: &[IpNet]) -> Result<(), Refused> {
    let Some(range) = special_range(address) else { return Ok(()) };
    let inner = match address {
        IpAddr::V4(_) => None,
        // An address in a special range of its own is not let through by what stands in it.
        IpAddr::V6(address) if SPECIAL_V6.iter().any(|(network, _)| network.contains(&address)) => None,
        IpAddr::V6(address) => embedded(address).map(IpAddr::V4),
    };
    let listed = |address: IpAddr| allowed.iter().any(|network| network.contains(&address));
    if listed(address) || inner.is_some_and(listed) { Ok(()) } else { Err(Refused { address, range }) }
}

/// The first match counts.
const SPECIAL_V4: [(Ipv4Net, &str); 17] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared address space"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([168, 63, 129, 16], 32), "metadata of Azure"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "6to4 relays"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarks"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// The first match counts. The prefixes that stand for IPv4 addresses are not here: see [`embedded`].
const SPECIAL_V6: [(Ipv6Net, &str); 10] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "private NAT64"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
const INTERNET_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(octets: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), length)
}

/// What the range of an address is for. `None` for public addresses.
fn special_range(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    SPECIAL_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, range)| *range)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let stands_for_v4 = [MAPPED, NAT64].iter().any(|prefix| prefix.contains(&address));
    if !stands_for_v4 {
        if let Some((_, range)) = SPECIAL_V6.iter().find(|(network, _)| network.contains(&address)) {
            return Some(range);
        }
        if !INTERNET_V6.contains(&address) {
            return Some("reserved");
        }
    }
    embedded(address).and_then(special_v4)
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056) and ISATAP
/// (RFC 5214).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let last = Some(Ipv4Addr::new(a, b, c, d));
    let segments = address.segments();
    if MAPPED.contains(&address) || NAT64.contains(&address) {
        last
    } else if SIX_TO_FOUR.contains(&address) {
        let [_, _, a, b, c, d, ..] = address.octets();
        Some(Ipv4Addr::new(a, b, c, d))
    } else if segments[4] & 0xfdff == 0 && segments[5] == 0x5efe {
        last
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
