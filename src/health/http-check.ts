import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Endpoint, HttpCheck } from '../runtime/snapshot.ts'
import { failureOf, type Verdict } from './verdict.ts'

/** How much of the response's body is searched, in bytes. */
const MAX_BODY = 64 * 1024

/**
 * Sends the check's request, on a new connection, and judges the response. `signal` aborts it.
 *
 * @param preamble the first bytes on a connection to the server
 */
export function checkHttp(
  check: HttpCheck,
  endpoint: Endpoint,
  preamble: Uint8Array,
  signal: AbortSignal,
): Promise<Verdict> {
  const { method, path } = check
  // The Host: the server's address or, for a Unix socket, localhost, as in nginx.
  const authority = 'path' in endpoint ? { host: 'localhost', defaultPort: 80 } : endpoint
  const what = `${method} ${path}`
  return new Promise((resolve) => {
    const outgoing = request({
      createConnection: () => begin(connect(endpoint), preamble),
      ...authority,
      method,
      path,
      headers: { 'user-agent': 'limpet-check', ...check.headers, connection: 'close' },
      signal,
    })
    const conclude = (verdict: Verdict) => {
      resolve(verdict)
      outgoing.destroy()
    }
    const fail = (error: Error) => conclude(failureOf(what, error, signal))
    outgoing.on('error', fail)
    // The connection can also close without a response or an error, as after a 101.
    outgoing.on('close', () => fail(new Error('the connection was closed')))
    outgoing.on('response', (response) => {
      response.on('error', fail)
      judge(check, response, what, conclude)
    })
    outgoing.end()
  })
}

function begin(socket: Socket, preamble: Uint8Array): Socket {
  if (preamble.length > 0) socket.write(preamble)
  return socket
}

/** Calls `conclude` once it is known whether the response passes. */
function judge(
  { status, body }: HttpCheck,
  response: IncomingMessage,
  what: string,
  conclude: (verdict: Verdict) => void,
): void {
  const code = response.statusCode!
  const answered = `${what} answered ${code}`
  const passed = status.some(({ from, to }) => code >= from && code <= to)
  if (!passed || body === undefined) return conclude({ passed, cause: answered })
  const missing = { passed: false, cause: `${answered} without ${JSON.stringify(body)} in its body` }
  const read = Buffer.alloc(MAX_BODY)
  let length = 0
  response.on('data', (chunk: Buffer) => {
    // Bytes that were searched are not searched again, except for the last ones, where the text may have begun.
    const from = Math.max(0, length - Buffer.byteLength(body))
    length += chunk.copy(read, length)
    if (read.subarray(from, length).includes(body)) conclude({ passed: true, cause: answered })
    else if (length === MAX_BODY) conclude(missing)
  })
  response.on('end', () => conclude(missing))
}
