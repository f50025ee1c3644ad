import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Access, openConnection } from './access.ts'
import type { OwnRequest, OwnResponse } from './own-message.ts'

/**
 * Sends a request on a new connection, which is closed afterwards; resolves to what `read` makes of the response. Rejects
 * if there is none, if the connection breaks while it is read, or if `signal` aborts it.
 */
export async function sendOwnRequest<Result>(
  request: OwnRequest,
  access: Access,
  signal: AbortSignal,
  read: (response: OwnResponse) => Result | Promise<Result>,
): Promise<Result> {
  const socket = await openConnection(access, signal)
  try {
    const send = speaksHttp2(access, socket)
      ? (await import('./http2-request.ts')).sendByHttp2
      : (await import('./http1-request.ts')).sendByHttp1
    return await send(socket, request, authorityOf(access), read)
  } finally {
    socket.destroy()
  }
}

function speaksHttp2({ protocol, tls }: Access, socket: Socket): boolean {
  if (tls === undefined) return protocol === 'h2c'
  const agreed = (socket as TLSSocket).alpnProtocol
  if (protocol === 'h2' && agreed !== 'h2') throw new Error('the server does not agree to HTTP/2 (ALPN)')
  return agreed === 'h2'
}

/** The Host: the server's address or, for a Unix socket, localhost, as in nginx. */
function authorityOf({ endpoint, tls }: Access): string {
  if ('path' in endpoint) return 'localhost'
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return endpoint.port === (tls === undefined ? 80 : 443) ? host : `${host}:${endpoint.port}`
}
