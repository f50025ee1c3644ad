import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Endpoint } from '../runtime/snapshot.ts'

/** A request that Limpet makes itself, not for a client. */
export interface OwnRequest {
  readonly method: string
  /** Includes the query, if there is one. */
  readonly path: string
  /** Host is the server's address if it is not among them. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Sends a request on a new connection, which is closed afterwards; resolves to what `read` makes of the response. Rejects
 * if there is none, if the connection breaks while it is read, or if `signal` aborts it.
 *
 * @param preamble the first bytes on a connection to the server
 */
export async function sendOwnRequest<Result>(
  { method, path, headers }: OwnRequest,
  endpoint: Endpoint,
  preamble: Uint8Array,
  signal: AbortSignal,
  read: (response: IncomingMessage) => Result | Promise<Result>,
): Promise<Result> {
  // The Host: the server's address or, for a Unix socket, localhost, as in nginx.
  const authority = 'path' in endpoint ? { host: 'localhost', defaultPort: 80 } : endpoint
  const outgoing = request({
    createConnection: () => begin(connect(endpoint), preamble),
    ...authority,
    method,
    path,
    headers: { ...headers, connection: 'close' },
    signal,
  })
  try {
    return await new Promise<Result>((resolve, reject) => {
      outgoing.on('error', reject)
      // The connection can also close without a response or an error, as after a 101.
      outgoing.on('close', () => reject(new Error('the connection was closed')))
      outgoing.on('response', (response) => {
        response.on('error', reject)
        Promise.resolve(read(response)).then(resolve, reject)
      })
      outgoing.end()
    })
  } finally {
    outgoing.destroy()
  }
}

function begin(socket: Socket, preamble: Uint8Array): Socket {
  if (preamble.length > 0) socket.write(preamble)
  return socket
}
