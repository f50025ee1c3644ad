import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { OperationRefused } from './operation-refused.ts'

/** Names of this machine itself, as `Host` has them. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/
/** An address: no name server decides where it leads. */
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[\da-f:.]+\])$/

/** Where requests arrive, as far as it matters for whether they may be answered. */
export type Approach =
  /** A Unix socket, which no browser can reach. */
  | 'socket'
  /** A port on a loopback address, or one that other machines reach; and the names under which it may be asked for. */
  | { readonly reach: 'loopback' | 'network'; readonly hosts: readonly string[] }

/**
 * Refuses a page that reaches the listener through a name of its own (DNS rebinding), by `Host`.
 *
 * @throws OperationRefused
 */
export function assertOwnHost({ url, headers, rawHeaders }: IncomingMessage, approach: Approach): void {
  if (!url?.startsWith('/')) throw new OperationRefused('invalid', 'expected a request for a path, such as /v1/status')
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts > 1) throw new OperationRefused('invalid', 'expected one Host header, found several')
  const host = hostOf(headers)
  if (approach !== 'socket' && !isOwn(host.replace(/:\d+$/, ''), approach)) {
    const names = ['localhost', approach.reach === 'loopback' ? 'a loopback address' : 'an address', ...approach.hosts]
    const detail = `the admin API is asked for as ${names.join(', ')}, not as ${JSON.stringify(host)}; other names: admin.hosts`
    throw new OperationRefused('forbidden', detail)
  }
}

/**
 * Refuses what a page of another origin may have sent, by `Origin` and `Sec-Fetch-Site`.
 *
 * @throws OperationRefused
 */
export function assertNotForeign({ headers }: IncomingMessage): void {
  const { origin } = headers
  const site = headers['sec-fetch-site']
  const isForeign = origin !== undefined && origin.toLowerCase() !== `http://${hostOf(headers)}`
  if (isForeign || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    throw new OperationRefused('forbidden', 'the admin API does not answer pages of other origins')
  }
}

/** Whether a browser follows a link, from whatever page: that page does not see the answer. */
export function isNavigation({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}

function hostOf({ host = '' }: IncomingHttpHeaders): string {
  return host.toLowerCase()
}

function isOwn(name: string, { reach, hosts }: Exclude<Approach, string>): boolean {
  return LOOPBACK.test(name) || (reach === 'network' && ADDRESS.test(name)) || hosts.includes(name)
}
