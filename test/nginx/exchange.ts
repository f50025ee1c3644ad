import { once } from 'node:events'
import { connect } from 'node:net'
import type { Echo } from './echo-origins.ts'
import type { TestRequest } from './request-maker.ts'

/** What came of a request. */
export interface Outcome {
  readonly status: number
  /** What the server behind got; undefined where none was asked. */
  readonly echo: Echo | undefined
  /** The fields of the response that are not for one hop only; lower-case name and value. */
  readonly fields: readonly (readonly [string, string])[]
}

/** Sends a request, byte by byte as it stands there, on a connection of its own from the address that it names. */
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

/** The response, once it is whole. */
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
