/** Names of this machine: there and nowhere else a registry may be spoken to without encryption. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || /^127(\.\d{1,3}){3}$/.test(name) || name === "[::1]";
}

/** Literal addresses of private, link-local and unspecified networks: where no registry elsewhere has to send us. */
function isInner(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return (
    isLoopback(host) ||
    name.endsWith(".localhost") ||
    /^(0|10|127)\.|^169\.254\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(
      name,
    ) ||
    /^\[(::|::1|::ffff:|f[cd]|fe[89ab])/i.test(name)
  );
}

/** Where a registry may send us: not off encryption, and not from elsewhere to this machine or its networks. */
export function mayLead(from: URL, to: URL): boolean {
  if (to.username !== "" || to.password !== "") return false;
  if (isLoopback(to.host)) return isLoopback(from.host) && /^https?:$/.test(to.protocol);
  if (isInner(to.host) && to.host !== from.host && !isInner(from.host)) return false;
  return to.protocol === "https:";
}

export function endpoint(host: string, path: string): URL {
  return new URL(`${isLoopback(host) ? "http" : "https"}://${host}/v2/${path}`);
}
