import { EventEmitter, once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type ConnectionOptions, connect as connectSecurely, type TLSSocket } from 'node:tls'

/** A client that says exactly what it is told to, and remembers every byte that it hears. */
export class RawClient {
  readonly socket: Socket
  #heard: Buffer[] = []
  #ended = false
  readonly #changes = new EventEmitter()

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#heard.push(bytes)
      this.#changes.emit('change')
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true
        this.#changes.emit('change')
      })
    }
    socket.on('error', () => socket.destroy())
  }

  static connect(test: TestContext, port: number, localAddress?: string): Promise<RawClient> {
    return RawClient.#to(test, { port, host: '127.0.0.1', ...(localAddress && { localAddress }) })
  }

  /** To a Unix socket. */
  static connectTo(test: TestContext, path: string): Promise<RawClient> {
    return RawClient.#to(test, { path })
  }

  static async #to(test: TestContext, place: NetConnectOpts): Promise<RawClient> {
    const socket = connect({ ...place, allowHalfOpen: true })
    test.after(() => socket.destroy())
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** By TLS, on a connection that is there, to a server whose certificate is for `localhost`. */
  static async secure(test: TestContext, carrier: Socket, certificate: Buffer): Promise<RawClient> {
    const socket = connectSecurely({ socket: carrier, servername: 'localhost', ca: certificate })
    test.after(() => socket.destroy())
    await once(socket, 'secureConnect')
    return new RawClient(socket)
  }

  /** By TLS to a port, as `localhost` unless the options name another host. Rejects if the handshake fails. */
  static async connectSecurely(test: TestContext, port: number, options: ConnectionOptions): Promise<RawClient> {
    const socket = connectSecurely({ port, host: '127.0.0.1', servername: 'localhost', ...options })
    test.after(() => socket.destroy())
    await once(socket, 'secureConnect')
    return new RawClient(socket)
  }

  /** The socket of a connection by TLS. */
  get secureSocket(): TLSSocket {
    return this.socket as TLSSocket
  }

  /** Sends text, one byte a character. */
  say(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'))
  }

  /** Sends a request for a path, with nothing special about it. */
  get(path: string): void {
    this.say(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  }

  /** Sends requests, and takes what the answer has between `<` and `>`. */
  async ask(...parts: (string | Buffer)[]): Promise<string> {
    for (const part of parts) typeof part === 'string' ? this.say(part) : this.socket.write(part)
    return /<(.*)>/.exec(await this.take(/<.*>/))![1]!
  }

  /** Everything heard so far, one character a byte. It is put together here, once for all that came since. */
  get heard(): string {
    if (this.#heard.length > 1) this.#heard = [Buffer.concat(this.#heard)]
    return this.#heard[0]?.toString('latin1') ?? ''
  }

  /** Resolves once `pattern` is found in what was heard. */
  async hear(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.heard)) {
      if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.heard)}`)
      await once(this.#changes, 'change')
    }
    return this.heard
  }

  /** What was heard, to the end that `pattern` finds; forgets it. */
  async take(pattern: RegExp): Promise<string> {
    const heard = await this.hear(pattern)
    this.#heard = []
    return heard
  }

  /** Resolves once the other side has closed, to everything heard. */
  async goodbye(): Promise<string> {
    while (!this.#ended) await once(this.#changes, 'change')
    return this.heard
  }

  /** Resolves once the connection is no more. */
  async closed(): Promise<void> {
    while (!this.socket.closed) await once(this.#changes, 'change')
  }
}
