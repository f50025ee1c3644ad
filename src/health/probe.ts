import type { Check } from '../runtime/health-settings.ts'
import type { Access } from './access.ts'
import { checkTcp } from './tcp-check.ts'
import type { Verdict } from './verdict.ts'

/** Makes one check of one server, which `signal` aborts; never throws. */
export type Probe = (check: Check, access: Access, signal: AbortSignal) => Promise<Verdict>

/** A new kind of check takes one line here. node:http and node:http2 are large, and are loaded only when a check needs them. */
export const probeServer: Probe = async (check, access, signal) => {
  switch (check.type) {
    case 'http':
      return (await import('./http-check.ts')).checkHttp(check, access, signal)
    case 'tcp':
      return checkTcp(access, signal)
    case 'grpc':
      return (await import('./grpc-check.ts')).checkGrpc(check, access, signal)
  }
}
