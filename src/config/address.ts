import { isIPv6 } from 'node:net'
import { InvalidValue } from './error.ts'
import { parseHost, parseIPv6 } from './host.ts'

/** Where a server listens. */
export interface Address {
  /** Name in lower case, IPv4, or IPv6 without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

const anAddress = 'host:port, such as 172.17.0.2:80'

/**
 * Reads `host:port` as nginx does: a name, an IPv4 address or an IPv6 address in brackets; port 80 if left out.
 * Throws InvalidValue.
 */
export function parseAddress(text: string): Address {
  const [, bracketed, name, port] = /^(?:\[([^\]]*)\]|([^[\]:/,\s]+))(?::(\d*))?$/.exec(text) ?? []
  if (bracketed === undefined && name === undefined) throw new InvalidValue(anAddress, mend(text))
  return { host: name === undefined ? ipv6(bracketed ?? '') : parseHost(name), port: parsePort(port ?? '80') }
}

/** Writes the address as it stands in logs: `172.17.0.2:80`, `[::1]:80`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function ipv6(text: string): string {
  const host = parseIPv6(text)
  if (host === undefined) throw new InvalidValue('an IPv6 address (without a zone) in the brackets')
  return host
}

function parsePort(digits: string): number {
  const port = Number(digits)
  if (port < 1 || port > 65535) throw new InvalidValue(`${anAddress}, with a port from 1 to 65535`)
  return port
}

function mend(text: string): string | undefined {
  if (isIPv6(text)) return `an IPv6 address stands in brackets: write [${text}] or [${text}]:80`
  if (/[,;]/.test(text)) return 'one address an entry, without commas'
  const [, authority] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/\s]+)(?:\/.*)?$/i.exec(text) ?? []
  return authority && authority !== text ? `write ${authority}` : undefined
}
