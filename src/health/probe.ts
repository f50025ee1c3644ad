import { localHeader } from '../proxy-protocol/proxy-header.ts'
import type { Check, Endpoint, Server, Upstream } from '../runtime/snapshot.ts'
import { checkTcp } from './tcp-check.ts'
import type { Verdict } from './verdict.ts'

const NOTHING = new Uint8Array(0)

/** Makes one check of one server, which `signal` aborts; never throws. `preamble` is what the connection begins with. */
export type Probe = (check: Check, endpoint: Endpoint, preamble: Uint8Array, signal: AbortSignal) => Promise<Verdict>

/** A new kind of check is one line. node:http, which is large, is loaded by the first check that needs it. */
export const probeServer: Probe = async (check, endpoint, preamble, signal) => {
  switch (check.type) {
    case 'http':
      return (await import('./http-check.ts')).checkHttp(check, endpoint, preamble, signal)
    case 'tcp':
      return checkTcp(endpoint, preamble, signal)
  }
}

/** Where a server is checked: where it serves, or on a port for checks. */
export function endpointOf({ endpoint }: Server, { port }: Check): Endpoint {
  return port === undefined || 'path' in endpoint ? endpoint : { ...endpoint, port }
}

/** What a check's connection begins with. One to a port of its own meets another listener, so that it has no PROXY header. */
export function preambleOf({ proxyProtocol }: Upstream, { port }: Check): Uint8Array {
  return proxyProtocol === undefined || port !== undefined ? NOTHING : localHeader(proxyProtocol)
}
