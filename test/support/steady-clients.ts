import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

/** What became of the requests of clients. */
export interface Outcome {
  readonly answered: number
  /** One line for each request that was not answered, and for each connection that was closed without being announced. */
  readonly failures: readonly string[]
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const UPGRADE = 'GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'

/** Clients that ask one request after the other until they are stopped, and never try again. */
export class SteadyClients {
  readonly #place: NetConnectOpts
  readonly #failures: string[] = []
  readonly #running: Promise<void>[] = []
  readonly #stop = new AbortController()
  #answered = 0

  constructor(test: TestContext, place: NetConnectOpts) {
    this.#place = { ...place, allowHalfOpen: false } as NetConnectOpts
    test.after(() => this.#stop.abort())
  }

  get answered(): number {
    return this.#answered
  }

  /** Each opens a connection for each request. */
  fresh(count: number): this {
    return this.#run(count, async () => {
      while (!this.#stop.signal.aborted) {
        const client = await Client.connect(this.#place)
        await client.ask(REQUEST)
        this.#answered++
        client.socket.destroy()
      }
    })
  }

  /** Each keeps its connection until a response announces its end, and asks every few milliseconds. */
  kept(count: number): this {
    return this.#run(count, async (index) => {
      let client: Client | undefined
      while (!this.#stop.signal.aborted) {
        client ??= await Client.connect(this.#place)
        const answer = await client.ask(REQUEST)
        this.#answered++
        if (/^connection: close\r$/im.test(answer)) {
          await client.ended()
          client = undefined
        }
        await pause(5 + (index % 20))
        if (client?.socket.closed) throw new Error('a kept connection was closed without being announced')
      }
      client?.socket.destroy()
    })
  }

  /** Each has a tunnel through which it sends a line every few milliseconds, and gets it back. */
  tunnels(count: number): this {
    return this.#run(count, async (index) => {
      const client = await Client.connect(this.#place)
      await client.ask(UPGRADE)
      for (let line = 0; !this.#stop.signal.aborted; line++) {
        await client.echo(`line ${line}\n`)
        this.#answered++
        await pause(5 + (index % 20))
      }
      client.socket.destroy()
    })
  }

  /** Ends after the requests in flight. */
  async stop(): Promise<Outcome> {
    this.#stop.abort()
    await Promise.all(this.#running)
    return { answered: this.#answered, failures: this.#failures }
  }

  /** Resolves once so many more requests are answered. */
  async answers(more: number): Promise<void> {
    const goal = this.#answered + more
    while (this.#answered < goal && this.#failures.length === 0) await pause(1)
  }

  #run(count: number, live: (index: number) => Promise<void>): this {
    for (let index = 0; index < count; index++) {
      const life = live(index).catch((error: NodeJS.ErrnoException) => {
        this.#failures.push(error.code ?? error.message)
      })
      this.#running.push(life)
    }
    return this
  }
}

class Client {
  readonly socket: Socket
  #heard = ''
  #failure: Error | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.setMaxListeners(0)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#heard += text
    })
    socket.on('error', (error) => {
      this.#failure = error
    })
  }

  static async connect(place: NetConnectOpts): Promise<Client> {
    const socket = connect(place)
    await once(socket, 'connect')
    return new Client(socket)
  }

  /** Resolves to the answer, which ends with `.`, or with its head if it switches protocols. */
  async ask(request: string): Promise<string> {
    this.socket.write(request)
    return this.#hear(/^HTTP\/1\.1 (?:200 .*\r\n\r\n.*\.|101 .*\r\n\r\n)$/s)
  }

  async echo(line: string): Promise<void> {
    this.socket.write(line)
    const heard = await this.#hear(/\n$/)
    if (heard !== line) throw new Error(`sent ${line}, got ${heard}`)
  }

  async ended(): Promise<void> {
    while (!this.socket.closed) await this.#change()
  }

  async #hear(whole: RegExp): Promise<string> {
    while (!whole.test(this.#heard)) {
      if (this.socket.closed) throw this.#failure ?? new Error(`closed after ${JSON.stringify(this.#heard)}`)
      await this.#change()
    }
    const heard = this.#heard
    this.#heard = ''
    return heard
  }

  #change(): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const settle = () => {
      this.socket.off('data', settle).off('close', settle)
      resolve()
    }
    this.socket.on('data', settle).on('close', settle)
    return promise
  }
}
