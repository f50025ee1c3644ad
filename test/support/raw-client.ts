import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A client that says exactly what it is told to, and remembers every byte that it hears. */
export class RawClient {
  readonly socket: Socket
  #heard = Buffer.alloc(0)
  #ended = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, bytes])
    })
    socket.on('end', () => {
      this.#ended = true
    })
    socket.on('error', () => socket.destroy())
  }

  static async connect(test: TestContext, port: number, localAddress?: string): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...(localAddress && { localAddress }) })
    test.after(() => socket.destroy())
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Sends text, one byte a character. */
  say(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'))
  }

  /** Everything heard so far, one character a byte. */
  get heard(): string {
    return this.#heard.toString('latin1')
  }

  /** Resolves once `pattern` is found in what was heard. */
  async hear(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.heard)) {
      if (this.#ended || this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.heard)}`)
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'end'), once(this.socket, 'close')])
    }
    return this.heard
  }

  /** Resolves once the other side has closed, to everything heard. */
  async goodbye(): Promise<string> {
    if (!this.#ended && !this.socket.destroyed)
      await Promise.race([once(this.socket, 'end'), once(this.socket, 'close')])
    return this.heard
  }
}
