import { connect, type Socket } from 'node:net'
import { localHeader } from '../proxy-protocol/proxy-header.ts'
import { connectOptions } from '../runtime/endpoint.ts'
import type { Check } from '../runtime/health-settings.ts'
import { ServerTls, tlsFaultIn } from '../runtime/server-tls.ts'
import type { Endpoint, Server, ServerProtocol, Upstream } from '../runtime/snapshot.ts'

const NOTHING = new Uint8Array(0)

/** How a server is reached by what Limpet asks it for itself. */
export interface Access {
  readonly endpoint: Endpoint
  /** The first bytes on a connection. */
  readonly preamble: Uint8Array
  /** Undefined without TLS. */
  readonly tls: ServerTls | undefined
  readonly protocol: ServerProtocol | 'http1'
}

/** How requests to a server are made, unless a check says otherwise. */
export function accessTo(
  { proxyProtocol, tls, protocol }: Upstream,
  { endpoint }: Server,
  check: Partial<Pick<Check, 'port' | 'tls' | 'protocol'>> = {},
): Access {
  const { port } = check
  const isSecure = check.tls ?? (check.protocol === undefined ? tls !== undefined : isByTls(check.protocol, tls))
  return {
    endpoint: port === undefined || 'path' in endpoint ? endpoint : { ...endpoint, port },
    // A check's own port is another listener, which gets no PROXY header.
    preamble: proxyProtocol === undefined || port !== undefined ? NOTHING : localHeader(proxyProtocol),
    tls: isSecure ? new ServerTls(tls ?? { verify: true }) : undefined,
    protocol: check.protocol ?? (isSecure === (tls !== undefined) ? protocol : undefined) ?? 'http1',
  }
}

function isByTls(protocol: NonNullable<Check['protocol']>, tls: Upstream['tls']): boolean {
  return protocol === 'h2' || (protocol !== 'h2c' && tls !== undefined)
}

/** Opens a connection to a server, which `signal` closes. Rejects if that fails. */
export async function openConnection(
  { endpoint, preamble, tls, protocol }: Access,
  signal: AbortSignal,
): Promise<Socket> {
  const introduction = preamble.length > 0 ? preamble : undefined
  const socket = tls?.connect(endpoint, protocol, { introduction }) ?? connect(connectOptions(endpoint))
  const abort = () => socket.destroy(new Error('it took too long'))
  signal.addEventListener('abort', abort)
  socket.on('close', () => signal.removeEventListener('abort', abort))
  if (signal.aborted) abort()
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', (error) => reject(tls === undefined ? error : explained(error)))
      socket.on('close', () => reject(new Error('the connection was closed')))
      socket.on(tls === undefined ? 'connect' : 'secureConnect', resolve)
    })
  } catch (error) {
    socket.destroy()
    throw error
  }
  if (tls === undefined && introduction !== undefined) socket.write(introduction)
  return socket
}

function explained(error: Error): Error {
  const fault = tlsFaultIn(error)
  return fault === undefined ? error : new Error(fault, { cause: error })
}
