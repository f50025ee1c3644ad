import { formatAddress, parseAddress } from './address.ts'
import { asList, asMapping } from './as-written.ts'
import { shown } from './error.ts'
import type { KeyPath } from './key-path.ts'
import { isUnixSocket } from './unix-socket.ts'
import type { Issue } from './validate.ts'

/** What of an upstream's `protocol` and `tls` contradicts each other, or its servers. Takes the file's value. */
export function protocolContradictions(upstreams: Readonly<Record<string, unknown>>): Issue[] {
  return Object.entries(upstreams).flatMap(([name, settings]) => {
    const { protocol, tls, servers } = asMapping(settings)
    const path = ['upstreams', name]
    return tls === undefined
      ? withoutTls(path, protocol)
      : [...h2cWithTls(path, protocol), ...serversWithTls([...path, 'servers'], asList(servers), asMapping(tls))]
  })
}

function withoutTls(path: KeyPath, protocol: unknown): Issue[] {
  if (protocol !== 'h2' && protocol !== 'auto') return []
  return [
    {
      path: [...path, 'protocol'],
      message: `expected http1 or h2c, because the upstream has no tls, found ${shown(protocol)}`,
      hint: 'add tls: true, if its servers speak TLS',
    },
  ]
}

function h2cWithTls(path: KeyPath, protocol: unknown): Issue[] {
  if (protocol !== 'h2c') return []
  return [
    {
      path: [...path, 'protocol'],
      message: 'expected http1, h2 or auto, because the upstream has tls, found "h2c"',
      hint: 'write h2, or leave out tls',
      see: [...path, 'tls'],
    },
  ]
}

function serversWithTls(
  path: KeyPath,
  servers: readonly unknown[],
  { verify, serverName }: Readonly<Record<string, unknown>>,
): Issue[] {
  const needsName = verify !== false && serverName === undefined
  return servers.flatMap((server, index): Issue[] => {
    const isText = typeof server === 'string'
    const address = isText ? server : asMapping(server).address
    if (typeof address !== 'string') return []
    const place = isText ? [...path, index] : [...path, index, 'address']
    if (!isUnixSocket(address)) return withoutPort(place, address)
    if (!needsName) return []
    const message = `expected a serverName in tls, because ${address} has no name, found none`
    return [{ path: place, message, hint: "name what the server's certificate covers" }]
  })
}

/** Port 80, the default, is that of plain HTTP. */
function withoutPort(path: KeyPath, address: string): Issue[] {
  if (/:\d+$/.test(address.replace(/^\[.*\]/, ''))) return []
  const host = hostOf(address)
  if (host === undefined) return []
  const message = `expected a port, because the upstream has tls, found ${shown(address)}`
  return [{ path, message, hint: `write ${host}:443` }]
}

/** Undefined for an address that is invalid itself. */
function hostOf(address: string): string | undefined {
  try {
    return formatAddress(parseAddress(address)).replace(/:80$/, '')
  } catch {
    return undefined
  }
}
