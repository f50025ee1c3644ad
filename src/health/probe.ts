import { localHeader } from '../proxy-protocol/proxy-header.ts'
import type { Check } from '../runtime/health-settings.ts'
import type { Endpoint, Server, Upstream } from '../runtime/snapshot.ts'
import { checkTcp } from './tcp-check.ts'
import type { Verdict } from './verdict.ts'

const NOTHING = new Uint8Array(0)

/** Makes one check of one server, which `signal` aborts; never throws. `preamble` is sent first on the connection. */
export type Probe = (check: Check, endpoint: Endpoint, preamble: Uint8Array, signal: AbortSignal) => Promise<Verdict>

/** A new kind of check takes one line here. node:http is large, and is loaded only when a check needs it. */
export const probeServer: Probe = async (check, endpoint, preamble, signal) => {
  switch (check.type) {
    case 'http':
      return (await import('./http-check.ts')).checkHttp(check, endpoint, preamble, signal)
    case 'tcp':
      return checkTcp(endpoint, preamble, signal)
  }
}

/** Where a server is checked: where it serves, or on the check's own port. */
export function endpointOf({ endpoint }: Server, { port }: Check): Endpoint {
  return port === undefined || 'path' in endpoint ? endpoint : { ...endpoint, port }
}

/** The first bytes on a check's connection. A check's own port is another listener, which gets no PROXY header. */
export function preambleOf({ proxyProtocol }: Upstream, { port }: Pick<Check, 'port'> = {}): Uint8Array {
  return proxyProtocol === undefined || port !== undefined ? NOTHING : localHeader(proxyProtocol)
}
