import { isIPv6 } from 'node:net'
import type { Endpoint, ListeningPlace } from '../runtime/snapshot.ts'
import { InvalidValue } from './error.ts'
import { parseHost, parseIPv6 } from './host.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

const anAddress = 'host:port, such as 172.17.0.2:80'

/**
 * Reads `host:port` as nginx does: a name, an IPv4 address or an IPv6 address in brackets; the port defaults to 80. Also
 * reads `unix:` and a path. Throws InvalidValue.
 */
export function parseAddress(text: string): Endpoint {
  if (isUnixSocket(text)) return { path: parseUnixSocket(text) }
  const [, bracketed, name, port] = /^(?:\[([^\]]*)\]|([^[\]:/,\s]+))(?::(\d*))?$/.exec(text) ?? []
  if (bracketed === undefined && name === undefined) throw new InvalidValue(anAddress, hintFor(text))
  return { host: name === undefined ? ipv6(bracketed ?? '') : parseHost(name), port: parsePort(port ?? '80') }
}

/** Writes the address as logs show it: `172.17.0.2:80`, `[::1]:80`, `unix:/run/app.sock`. */
export function formatAddress(endpoint: Endpoint): string {
  if ('path' in endpoint) return formatUnixSocket(endpoint.path)
  const { host, port } = endpoint
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The endpoint on which a listener listens. */
export function endpointOf(listener: ListeningPlace): Endpoint {
  return 'path' in listener ? { path: listener.path } : { host: listener.address, port: listener.port }
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

function hintFor(text: string): string | undefined {
  if (isIPv6(text)) return `put an IPv6 address in brackets: write [${text}] or [${text}]:80`
  if (/[,;]/.test(text)) return 'one address per entry, without commas'
  const socket = /^(?:(?:http:\/*)?unix:\/*(?=\/)|file:\/*(?=\/))?(\/[^:\s]*[^:\s/])(?::.*)?$/i.exec(text)?.[1]
  if (socket !== undefined) return text === formatUnixSocket(socket) ? undefined : `write ${formatUnixSocket(socket)}`
  const [, scheme = '', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/+)?(.*)$/is.exec(text)!
  const settings = settingsOf.get(scheme.toLowerCase())
  if (settings !== undefined) return `write the host:port, and ${settings} in the upstream`
  if (otherProtocols.has(scheme.toLowerCase()))
    return 'Limpet speaks only HTTP to servers; write the host:port where the server speaks HTTP/1.1 or HTTP/2'
  // The URL without its user, path and query.
  const authority = rest.replace(/[/?#].*$/s, '').replace(/^.*@/s, '')
  return authority !== text && isAddress(authority) ? `write ${authority}` : undefined
}

/** What an upstream says of servers that other programs know by a scheme. */
const settingsOf = new Map([
  ['https', 'tls: true'],
  ['wss', 'tls: true'],
  ['tls', 'tls: true'],
  ['ssl', 'tls: true'],
  ['h2', 'tls: true, protocol: h2'],
  ['grpcs', 'tls: true, protocol: h2'],
  ['h2c', 'protocol: h2c'],
  ['grpc', 'protocol: h2c'],
])

const otherProtocols = new Set(['fcgi', 'fastcgi', 'scgi', 'uwsgi', 'suwsgi', 'ajp', 'h3', 'quic', 'udp'])

function isAddress(text: string): boolean {
  try {
    parseAddress(text)
    return true
  } catch {
    return false
  }
}
