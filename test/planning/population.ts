/** Users of one upstream, who ask a real data plane for pages, one after the other, over a real socket. */
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { type AddressInfo, createServer as createListener } from 'node:net'
import type { TestContext } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { compile } from '../../src/control/compile.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { onConnection } from '../../src/downstream/client-socket.ts'
import type { ExchangeRecord } from '../../src/observability/exchange-record.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import { DataPlane } from '../../src/worker/data-plane.ts'

/** Where a request went, and why. */
export interface Visit {
  readonly server: string
  readonly status: number
  readonly reason: string | undefined
}

/** An application that gives each user without a session an id, in a header. Returns its port. */
export async function startApp(test: TestContext): Promise<number> {
  let ids = 0
  const app = createServer((incoming, response) => {
    if (incoming.headers['x-session'] === undefined) response.setHeader('x-session', `session-${ids++}`)
    response.end('a page')
  }).listen(0, '127.0.0.1')
  await once(app, 'listening')
  test.after(() => app.close())
  return (app.address() as AddressInfo).port
}

/** A user: what they send with each request. They keep the cookies and the session that they are given. */
export class Visitor {
  readonly address: string
  readonly name: string
  readonly #cookies = new Map<string, string>()
  #session: string | undefined

  constructor(address: string, name: string) {
    this.address = address
    this.name = name
  }

  get headers(): Record<string, string> {
    return {
      'x-forwarded-for': this.address,
      'x-user': this.name,
      ...(this.#cookies.size > 0 && { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') }),
      ...(this.#session !== undefined && { 'x-session': this.#session }),
    }
  }

  keep(headers: NodeJS.Dict<string | string[]>): void {
    for (const line of headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      this.#cookies.set(name!, value!)
    }
    this.#session = (headers['x-session'] as string | undefined) ?? this.#session
  }
}

/** A data plane in this thread that serves one Snapshot after another, with the slots of one slot book. */
export class Site {
  readonly scoreboard = new Scoreboard()
  readonly sessions = new SessionTable()
  readonly #slots = new SlotBook()
  readonly #plane: DataPlane
  readonly #listener = createListener({ allowHalfOpen: true })
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  #snapshot: Snapshot
  #last: Visit | undefined

  /** @param config as in a file */
  constructor(config: object) {
    this.#snapshot = this.compile(config)
    this.#slots.adopt(this.#snapshot)
    const observer = {
      ended: ({ serverNames, status, reason }: ExchangeRecord) => {
        this.#last = { server: serverNames, status, reason }
      },
    }
    const owner = { observers: [observer], report() {}, stopped() {} }
    this.#plane = new DataPlane(this.#snapshot, this.scoreboard, this.sessions, 0, owner)
    onConnection(
      this.#listener,
      (socket) => this.#plane.accept(socket, { listener: this.#snapshot.listeners[0]!, isClosed: false }),
      (error) => assertNever(error),
    )
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** The Snapshot of a configuration, with the slots that its names have or would get. */
  compile(config: object): Snapshot {
    const generation = (this.#snapshot?.generation ?? 0) + 1
    return compile(parseConfig(JSON.stringify(config), 'limpet.yaml', {}), generation, this.#slots, () =>
      's'.repeat(40),
    )
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, '127.0.0.1')
    await once(this.#listener, 'listening')
  }

  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.#slots.adopt(snapshot)
    this.#plane.apply(snapshot)
  }

  async visit(visitor: Visitor, headers: Record<string, string> = {}): Promise<Visit> {
    const { port } = this.#listener.address() as AddressInfo
    this.#last = undefined
    const sent = request({
      host: '127.0.0.1',
      port,
      agent: this.#agent,
      headers: { ...visitor.headers, ...headers },
    }).end()
    const [response] = await once(sent, 'response')
    visitor.keep(response.headers)
    response.resume()
    await once(response, 'end')
    return this.#last!
  }

  close(): void {
    this.#agent.destroy()
    this.#listener.close()
    this.#plane.stop()
  }
}

function assertNever(error: unknown): never {
  throw error
}
