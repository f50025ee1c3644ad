import { once } from 'node:events'
import { connect } from 'node:net'
import type { Echo } from './echo-origins.ts'
import type { TestRequest } from './request-maker.ts'

/** The outcome of a request. */
export interface Outcome {
  readonly status: number
  /** The request that the server got; undefined if it reached no server. */
  readonly echo: Echo | undefined
  /** The end-to-end fields of the response; lower-case name and value. */
  readonly fields: readonly (readonly [string, string])[]
}

/** Sends the request unchanged on a new connection from the address `from`. */
export async function exchange(port: number, { from, method, target, headers, body }: TestRequest): Promise<Outcome> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from })
  const lines = Array.from({ length: headers.length / 2 }, (_, i) => `${headers[i * 2]}: ${headers[i * 2 + 1]}\r\n`)
  socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`, 'latin1')
  let heard = ''
  socket.setEncoding('latin1')
  const outcome = new Promise<Outcome>((resolve, reject) => {
    socket.on('data', (piece: string) => {
      heard += piece
      const response = readResponse(heard, method === 'HEAD')
      if (response !== undefined) resolve(response)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(heard)}`)))
  })
  try {
    return await outcome
  } finally {
    socket.destroy()
    if (!socket.closed) await once(socket, 'close')
  }
}

/** The response if it is complete. */
function readResponse(text: string, isHead: boolean): Outcome | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const all = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  const field = (wanted: string) => all.find(([name]) => name === wanted)?.[1]
  const length = isHead ? 0 : Number(field('content-length') ?? 0)
  if (text.length < end + 4 + length) return undefined
  const encoded = field('x-echo')
  return {
    status: Number(statusLine.split(' ')[1]),
    echo: encoded === undefined ? undefined : JSON.parse(Buffer.from(encoded, 'base64').toString()),
    fields: all.filter(([name]) => name !== 'connection' && name !== 'x-echo').sort(),
  }
}
