/** Users who have a server, and ask without end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Dice } from './dice.ts'

/** What became of a request that was not answered as it should be. */
export type Trouble = `${'GET' | 'POST'} ${string}`

/** A user with a session, who asks one request after the other on a connection of their own. */
export class Asker {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number
  readonly #dice: Dice
  readonly #longest: number
  #cookie = ''
  /** How often a cookie was set. */
  cookies = 0
  server = ''
  /** How many requests were answered as they should be. */
  answers = 0

  /** @param longest how long they pause at most between two requests, in ms */
  constructor(port: number, dice: Dice, longest = 60) {
    this.#port = port
    this.#dice = dice
    this.#longest = longest
  }

  /** Asks until it is stopped, and then once more. */
  async run(signal: AbortSignal, trouble: Trouble[]): Promise<void> {
    for (let isLast = false; !isLast; ) {
      isLast = signal.aborted
      const length = this.#dice.pick([undefined, 0, 20, 1000])
      const method = length === undefined ? 'GET' : 'POST'
      try {
        const { status, body } = await this.#ask(method, length)
        if (status !== 200) trouble.push(`${method} ${status}`)
        else {
          this.server = body.split(' ')[0]!
          this.answers++
          assert.equal(body, `${this.server} ${length ?? 0}`)
        }
      } catch (error) {
        trouble.push(`${method} ${(error as NodeJS.ErrnoException).code ?? error}`)
      }
      if (!isLast) await pause(this.#dice.below(this.#longest))
    }
    this.#agent.destroy()
  }

  #ask(method: string, length: number | undefined): Promise<{ status: number; body: string }> {
    const headers = this.#cookie === '' ? {} : { Cookie: this.#cookie }
    const options = { host: '127.0.0.1', port: this.#port, method, agent: this.#agent, headers }
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        for (const line of response.headers['set-cookie'] ?? []) {
          this.#cookie = line.split(';')[0]!
          this.cookies++
        }
        let body = ''
        response.setEncoding('utf8').on('data', (text) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode!, body })).on('error', reject)
      })
      sent.on('error', reject).end(length === undefined ? undefined : Buffer.alloc(length, 'x'))
    })
  }
}

/** A client with a WebSocket, which it opens again at once whenever it is closed. */
export async function talk(port: number, signal: AbortSignal, refused: string[], codes: Set<number>): Promise<void> {
  while (!signal.aborted) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    socket.on('error', (error) => refused.push(error.message))
    const stop = () => socket.terminate()
    signal.addEventListener('abort', stop, { once: true })
    const [code] = await once(socket, 'close')
    signal.removeEventListener('abort', stop)
    if (!signal.aborted) codes.add(code)
  }
}
