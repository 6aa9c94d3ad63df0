import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

const closedV4 = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  closedV4.addSubnet(net, prefix, "ipv4");
}

/** Global unicast is 2000::/3; inside it 6to4 and Teredo carry an IPv4 address that nobody checked. */
const openV6 = new BlockList();
openV6.addSubnet("2000::", 3, "ipv6");
const closedV6 = new BlockList();
closedV6.addSubnet("2001::", 32, "ipv6");
closedV6.addSubnet("2001:db8::", 32, "ipv6");
closedV6.addSubnet("2002::", 16, "ipv6");

/**
 * May a run reach this address? Public unicast only: no loopback, link-local, private, shared or reserved address, none
 * of this machine's own, and no IPv6 form that wraps an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string, own: readonly string[] = ownAddresses()): boolean {
  const version = isIP(address);
  if (version === 0 || own.includes(address)) return false;
  if (version === 4) return !closedV4.check(address, "ipv4");
  return openV6.check(address, "ipv6") && !closedV6.check(address, "ipv6");
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map((entry) => entry.address));
}
