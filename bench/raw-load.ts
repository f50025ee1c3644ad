import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Account } from './account.ts'
import type { Load } from './case.ts'
import { IN_TURN } from './cases/lab.ts'
import { SMALL_ANSWER } from './origin.ts'

/** Each connection sends the next request after the response to the last one. */
const CONNECTIONS = 4
const SMALL_LENGTH = Buffer.byteLength(SMALL_ANSWER)

/** A load that repeats one request, sent byte for byte, with any response. */
export function raw(request: string): Load {
  return {
    probe: { method: 'GET', path: IN_TURN, bodyLength: 0, answerLength: SMALL_LENGTH },
    async run(stage) {
      const bytes = Buffer.from(request, 'latin1')
      await repeat(stage.port, bytes, stage.warmUp)
      const account = Account.open(stage)
      const startedAt = performance.now()
      const answered = await repeat(stage.port, bytes, stage.seconds)
      const duration = (performance.now() - startedAt) * 1000
      const sample = { requests: (answered * 1e6) / duration, ...account?.close(answered, duration) }
      return { sample, errors: [] }
    },
  }
}

/** Repeats the request for `seconds` s. Resolves to the number of responses. */
async function repeat(port: number, request: Buffer, seconds: number): Promise<number> {
  const deadline = performance.now() + seconds * 1000
  const counts = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      let answered = 0
      let connection: Connection | undefined
      while (performance.now() < deadline) {
        if (connection === undefined || connection.isOver) connection = await Connection.open(port)
        await connection.ask(request)
        answered++
      }
      connection?.close()
      return answered
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

/** A client that only reads where a response ends. */
class Connection {
  isOver = false
  readonly #socket: Socket
  #heard = ''
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#heard += text
      this.#wake?.()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.isOver = true
      this.#wake?.()
    })
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new Connection(socket)
  }

  /** Resolves when the response is complete. @throws Error if the connection closes first */
  async ask(request: Buffer): Promise<void> {
    this.#heard = ''
    this.#socket.write(request)
    while (!isWhole(this.#heard)) {
      if (this.isOver) throw new Error(`the connection was closed after ${JSON.stringify(this.#heard.slice(0, 100))}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (/^Connection: close\r$/im.test(this.#heard)) this.close()
  }

  close(): void {
    this.isOver = true
    this.#socket.destroy()
  }
}

/** Whether a response with a Content-Length is complete. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n')
  if (head < 0) return false
  const [, length] = /^Content-Length: (\d+)\r$/im.exec(answer.slice(0, head + 2)) ?? []
  return length !== undefined && answer.length >= head + 4 + Number(length)
}
