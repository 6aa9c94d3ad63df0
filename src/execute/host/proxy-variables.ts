/** Where, inside, programs find the way to the egress proxy. */
export const egressPort = 3128;
export const egressAddress = `http://127.0.0.1:${egressPort}`;
const proxy = egressAddress;

/** What tells programs of the only way out. */
export const proxyVariables: Readonly<Record<string, string>> = {
  http_proxy: proxy,
  https_proxy: proxy,
  HTTP_PROXY: proxy,
  HTTPS_PROXY: proxy,
  no_proxy: "localhost,127.0.0.1,::1",
  NO_PROXY: "localhost,127.0.0.1,::1",
};
