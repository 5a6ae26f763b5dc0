use proptest::prelude::*;

use super::*;

/// Every IPv6 address that stands for an IPv4 address.
fn embeddings(inner: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = inner.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    [
        [0, 0, 0, 0, 0, 0xffff, high, low],               // mapped
        [0, 0, 0, 0, 0, 0, high, low],                    // compatible, deprecated
        [0, 0, 0, 0, 0xffff, 0, high, low],               // translated (SIIT)
        [0x64, 0xff9b, 0, 0, 0, 0, high, low],            // NAT64
        [0x64, 0xff9b, 1, 0, 0, 0, high, low],            // NAT64 of a network
        [0x2002, high, low, 0, 0, 0, 0, 1],               // 6to4
        [0x2001, 0, 0x4136, 0xe378, 0, 0, !high, !low],   // Teredo
        [0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low],     // ISATAP
        [0x2606, 0x4700, 0, 0, 0x200, 0x5efe, high, low], // ISATAP, of a unique address
        [0xfe80, 0, 0, 0, 0, 0x5efe, high, low],          // ISATAP, link-local
    ]
    .map(Ipv6Addr::from_segments)
    .to_vec()
}

fn special_ipv4() -> impl Strategy<Value = Ipv4Addr> {
    (0..SPECIAL_V4.len(), any::<u32>()).prop_map(|(index, bits)| {
        let (network, _) = SPECIAL_V4[index];
        Ipv4Addr::from_bits(network.network().to_bits() | (bits & network.hostmask().to_bits()))
    })
}

proptest! {
    #[test]
    fn special_addresses_are_refused_however_they_are_embedded(inner in special_ipv4()) {
        prop_assert!(check(inner.into(), &[]).is_err(), "{inner}");
        for outer in embeddings(inner) {
            prop_assert!(check(outer.into(), &[]).is_err(), "{outer} stands for {inner}");
        }
    }

    /// The standard library knows some of the ranges by itself.
    #[test]
    fn what_is_let_through_is_public_to_the_standard_library(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        if check(address.into(), &[]).is_ok() {
            let special = address.is_loopback() || address.is_private() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!special, "{address}");
        }
    }

    #[test]
    fn only_unicast_of_the_internet_is_let_through(bits in any::<u128>()) {
        let address = Ipv6Addr::from_bits(bits);
        if check(address.into(), &[]).is_ok() {
            let nat64 = address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
            prop_assert!(address.segments()[0] >> 13 == 1 || address.to_ipv4_mapped().is_some() || nat64, "{address}");
        }
    }

    #[test]
    fn a_listed_network_allows_its_addresses_only(inner in special_ipv4(), other in special_ipv4()) {
        let listed = [IpNet::from(IpAddr::from(inner))];
        prop_assert!(check(inner.into(), &listed).is_ok());
        prop_assert!(check(inner.to_ipv6_mapped().into(), &listed).is_ok());
        if other != inner {
            prop_assert!(check(other.into(), &listed).is_err(), "{other}");
        }
    }
}

#[test]
fn public_addresses_are_let_through() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2606:4700::1111",
        "2a00:1450:4001:80b::200e",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
        "2002:101:101::1",
        "2001:200::1",
    ] {
        assert_eq!(check(address.parse().unwrap(), &[]), Ok(()), "{address}");
    }
}

#[test]
fn a_refusal_names_the_range() {
    for (address, range) in [
        ("0.0.0.0", "this network"),
        ("10.255.255.255", "private"),
        ("100.64.0.1", "shared address space"),
        ("100.100.100.200", "shared address space"),
        ("127.0.0.1", "loopback"),
        ("168.63.129.16", "metadata of Azure"),
        ("169.254.169.254", "link-local"),
        ("172.31.0.1", "private"),
        ("192.0.0.8", "reserved for protocols"),
        ("192.168.1.1", "private"),
        ("198.19.0.1", "benchmarks"),
        ("203.0.113.7", "documentation"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::7f00:1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:a9fe:a9fe", "link-local"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::1", "private NAT64"),
        ("100::1", "reserved"),
        ("2001::1", "reserved for protocols"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("4000::1", "reserved"),
        ("5f00::1", "reserved"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(check(address, &[]), Err(Refused { address, range }));
    }
}
