import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { rawOrigin } from './origin.ts'

/** A server that hears the bytes of one connection at a time, and answers what the test tells it to. */
export class ScriptedOrigin {
  readonly address: string
  readonly #arrivals = new EventEmitter()
  #socket: Socket | undefined
  #heard = ''

  private constructor(address: string) {
    this.address = address
  }

  static async start(test: TestContext): Promise<ScriptedOrigin> {
    const { address } = await rawOrigin(test, (socket) => origin.#accept(socket))
    const origin = new ScriptedOrigin(address)
    return origin
  }

  #accept(socket: Socket): void {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#heard += text
      this.#arrivals.emit('text')
    })
  }

  /** Resolves to what was heard once `pattern` is found in it, and forgets that much. */
  async request(pattern = /\r\n\r\n/): Promise<string> {
    while (!pattern.test(this.#heard)) await once(this.#arrivals, 'text')
    const heard = this.#heard
    this.#heard = ''
    return heard
  }

  say(text: string): void {
    this.#socket!.write(Buffer.from(text, 'latin1'))
  }

  end(): void {
    this.#socket!.end()
  }

  reset(): void {
    this.#socket!.resetAndDestroy()
  }

  get socket(): Socket {
    return this.#socket!
  }
}
