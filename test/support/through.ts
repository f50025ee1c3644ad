import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type Limpet, startLimpet } from './limpet.ts'
import { rawOrigin } from './origin.ts'
import { RawClient } from './raw-client.ts'

/** A server that receives the bytes of one connection, and sends what the test decides. */
class ScriptedOrigin {
  readonly address: string
  readonly #arrivals = new EventEmitter()
  #socket: Socket | undefined
  #heard = ''

  constructor(address: string) {
    this.address = address
  }

  converse(socket: Socket): void {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#heard += text
      this.#arrivals.emit('text')
    })
  }

  /** Waits for `pattern`, then removes and returns the received text up to the end of the match. */
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

interface Through {
  readonly limpet: Limpet
  readonly origin: ScriptedOrigin
  readonly client: RawClient
}

/** A raw client, Limpet, and a scripted server: one upstream, one server, one worker. */
export async function throughTo(test: TestContext, settings: object = {}, upstream: object = {}): Promise<Through> {
  let scripted: ScriptedOrigin
  const { address } = await rawOrigin(test, (socket) => scripted.converse(socket))
  scripted = new ScriptedOrigin(address)
  const limpet = await startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'only' }],
    upstreams: { only: { servers: [address], ...upstream } },
    ...settings,
  })
  return { limpet, origin: scripted, client: await RawClient.connect(test, limpet.port) }
}
