import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { Account } from './account.ts'
import type { Load } from './case.ts'
import { IN_TURN } from './cases/lab.ts'
import { SMALL_ANSWER } from './origin.ts'
import { browserHeaders } from './request-headers.ts'

/** Clients that connect, ask once and close, over and over. */
const CLIENTS = 16
/** The warm-up is so many times as long as in other cases, since V8 compiles what has been called often, and there are fewer calls. */
const WARM_UP = 3
/** The key exchange: the best one that the OpenSSL of every peer has. Node's own adds X25519MLKEM768. */
const GROUP = 'X25519'

const fields = Object.entries({ Host: 'localhost', ...browserHeaders, Connection: 'close' })
const REQUEST = `GET ${IN_TURN} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`

/**
 * A new TLS connection for each request, with a full handshake or a resumed session. Its clients are slower than the proxy: what
 * counts is the CPU that the proxy uses for one.
 */
export function handshakes(kind: 'full' | 'resumed'): Load {
  return {
    probe: {
      method: 'GET',
      path: IN_TURN,
      bodyLength: 0,
      answerLength: Buffer.byteLength(SMALL_ANSWER),
      protocol: 'https',
    },
    async run(stage) {
      const clients = Array.from({ length: CLIENTS }, () => new Client(stage.port, kind === 'resumed'))
      await repeat(clients, stage.warmUp * WARM_UP)
      const account = Account.open(stage)
      const startedAt = performance.now()
      const count = await repeat(clients, stage.seconds)
      const duration = (performance.now() - startedAt) * 1000
      return { sample: { requests: (count * 1e6) / duration, ...account?.close(count, duration) }, errors: [] }
    },
  }
}

async function repeat(clients: readonly Client[], seconds: number): Promise<number> {
  const deadline = performance.now() + seconds * 1000
  const counts = await Promise.all(
    clients.map(async (client) => {
      let count = 0
      for (; performance.now() < deadline; count++) await client.visit()
      return count
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

class Client {
  readonly #port: number
  readonly #resumes: boolean
  /** The last session that the server gave. */
  #session: Buffer | undefined

  constructor(port: number, resumes: boolean) {
    this.#port = port
    this.#resumes = resumes
  }

  /** @throws Error if the handshake is not of the intended kind, or there is no complete response */
  async visit(): Promise<void> {
    const session = this.#session
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      servername: 'localhost',
      rejectUnauthorized: false,
      ecdhCurve: GROUP,
      ...(session !== undefined && { session }),
    })
    let isResumed = false
    socket.on('secureConnect', () => {
      isResumed = socket.isSessionReused()
    })
    if (this.#resumes) {
      socket.on('session', (session) => {
        this.#session = session
      })
    }
    socket.write(REQUEST)
    const answer = await readAll(socket)
    if (!answer.endsWith(SMALL_ANSWER)) throw new Error(`an answer ended with ${JSON.stringify(answer.slice(-40))}`)
    if (isResumed !== (session !== undefined)) throw new Error('a session was not resumed')
  }
}

async function readAll(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  await once(socket, 'close')
  return text
}
