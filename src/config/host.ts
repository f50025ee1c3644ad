import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { InvalidValue } from './error.ts'
import { parseExpression } from './expression.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

/** Underscores are not valid in host names, but names of containers have them. */
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const aHost = 'a host name or an IP address'

/**
 * A host name (RFC 1123 §2.1) in lower case, or an IPv4 address in its four decimal parts.
 * Throws InvalidValue, also for a name that ends in a number and is not an IPv4 address (RFC 1123 §2.1, WHATWG URL §3.5).
 */
export function parseHost(text: string): string {
  if (isIPv4(text)) return text
  const host = text.toLowerCase()
  const labels = host.split('.')
  if (host.length > 253) throw new InvalidValue('a host name of at most 253 characters')
  if (!labels.every((part) => label.test(part))) throw new InvalidValue(aHost, hintFor(host))
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) {
    throw new InvalidValue('an IPv4 address of four numbers from 0 to 255')
  }
  return host
}

/** An IPv6 address (without brackets) in the form of RFC 5952; undefined if it is not one, or has a zone. */
export function parseIPv6(text: string): string | undefined {
  // The first call of isIPv6 compiles a large regular expression, which would delay each start by 4 ms.
  if (!text.includes(':') || !isIPv6(text) || text.includes('%')) return undefined
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

/** An address to listen on: a host name, IPv4, IPv6 with or without brackets, or a Unix socket. Throws InvalidValue. */
export function parseListenAddress(text: string): string {
  if (isUnixSocket(text)) return formatUnixSocket(parseUnixSocket(text))
  if (text.startsWith('/')) throw new InvalidValue('an address to listen on', `write ${formatUnixSocket(text)}`)
  if (text === '*') throw new InvalidValue('an address', 'leave address out to listen on every IPv4 address')
  refusePort(text)
  return parseIPv6(text.replace(/^\[(.*)\]$/, '$1')) ?? parseHost(text)
}

/**
 * The host of a route, in lower case: a name, `*.` and a name for every name below it, `.` and a name for both, a name and `.*` for every
 * name that it begins, `~ ` and a regular expression, or an IP address (IPv6 in brackets). Throws InvalidValue, also for a port,
 * because routes ignore the port.
 */
export function parseRouteHost(text: string): string {
  const expression = parseExpression(text)
  if (expression !== undefined) return expression.text
  if (text === '*') throw new InvalidValue('a host, or "*." and a host', 'leave host out to match every host')
  const [, host, port] = /^(.*):(\d*)$/.exec(text) ?? []
  if (host && port !== undefined && !host.includes(':'))
    throw new InvalidValue('a host without a port', `write ${host}`)
  if (text.startsWith('*.') && !text.endsWith('.*')) return `*.${parseHost(text.slice(2))}`
  if (text.startsWith('.')) return `.${parseHost(text.slice(1))}`
  if (text.endsWith('.*')) return `${parseHost(text.slice(0, -2))}.*`
  const address = parseIPv6(text.replace(/^\[(.*)\]$/, '$1'))
  return address === undefined ? parseHost(text) : `[${address}]`
}

/** Whether the host of a route is one that a certificate can be for: no pattern but `*.` and a name. */
export function canBeCertified(host: string): boolean {
  return !host.endsWith('.*') && parseExpression(host) === undefined
}

function refusePort(text: string): void {
  const [, host] = /^([^:]+|\[.*\]):\d*$/.exec(text) ?? []
  if (host !== undefined) throw new InvalidValue('a host without a port', `write ${host}`)
}

function hintFor(host: string): string | undefined {
  if (host.endsWith('.')) return 'leave out the final dot'
  const ascii = /\P{ASCII}/u.test(host) ? domainToASCII(host) : ''
  return ascii === '' ? undefined : `write ${ascii}`
}
