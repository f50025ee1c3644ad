/** The servers behind the balancer: each name at two addresses, with one memory. */
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { httpOrigin, type Origin } from '../../support/origin.ts'
import type { PlannedServer } from './plan.ts'

/** One address of a server. */
export class Place {
  origin!: Origin
  /** Connections that it has accepted in all, and those that are open. */
  accepted = 0
  open = 0
  readonly #changes = new EventEmitter()

  watch(origin: Origin): void {
    this.origin = origin
    origin.server.on('connection', (socket) => {
      this.accepted++
      this.open++
      socket.once('close', () => {
        this.open--
        this.#changes.emit('closed')
      })
    })
  }

  /** Resolves once no connection leads here any more. */
  async deserted(): Promise<void> {
    while (this.open > 0) await once(this.#changes, 'closed')
  }
}

/** A server by its name, as the application that runs there. */
export class App {
  readonly name: string
  readonly places = [new Place(), new Place()] as const
  requests = 0
  inFlight = 0
  mostInFlight = 0
  /** Streams and calls that it has not ended yet. */
  lasting = 0
  /** Ids of the sessions that it has begun. */
  readonly #sessions = new Set<string>()
  readonly #news: EventEmitter

  private constructor(name: string, news: EventEmitter) {
    this.name = name
    this.#news = news
  }

  /** @param news where `applied` and `round over` are announced */
  static async start(test: TestContext, name: string, news: EventEmitter): Promise<App> {
    const app = new App(name, news)
    for (const place of app.places) {
      const origin = await httpOrigin(test, (request, response) => app.#serve(request, response))
      origin.server.on('upgrade', (request, socket) => app.#upgrade(request, socket))
      place.watch(origin)
    }
    return app
  }

  #serve({ url, headers }: IncomingMessage, response: ServerResponse): void {
    this.#count(response)
    const { pathname } = new URL(url!, 'http://origin')
    response.setHeader('x-server', this.name)
    if (pathname.startsWith('/forum/')) this.#keepSession(headers['x-session'], response)
    if (pathname.endsWith('/stream')) return void this.#stream(response)
    // Others come meanwhile, and wait where places are few.
    setImmediate(() => setImmediate(() => response.end(this.name)))
  }

  #count(response: ServerResponse | Duplex): void {
    this.requests++
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight)
    response.once('close', () => this.inFlight--)
  }

  #keepSession(id: string | string[] | undefined, response: ServerResponse): void {
    if (typeof id === 'string' && this.#sessions.has(id)) return
    const begun = `${this.name}.${this.#sessions.size}`
    this.#sessions.add(begun)
    response.setHeader('x-session', begun)
  }

  /** Answers with a line for each of the next six configurations. */
  async #stream(response: ServerResponse): Promise<void> {
    this.lasting++
    response.write('begun\n')
    for (let lines = 0; lines < 6; lines++) {
      await once(this.#news, 'news')
      response.write('news\n')
    }
    this.lasting--
    response.end('over\n')
  }

  #upgrade(_request: IncomingMessage, socket: Duplex): void {
    this.#count(socket)
    this.lasting++
    socket.once('end', () => this.lasting--)
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Server: ${this.name}\r\n\r\n`,
    )
    socket.pipe(socket)
  }
}

/** All applications, by the names of servers. */
export class Apps {
  readonly #all = new Map<string, App>()

  static async start(test: TestContext, names: Iterable<string>, news: EventEmitter): Promise<Apps> {
    const apps = new Apps()
    for (const name of new Set(names)) apps.#all.set(name, await App.start(test, name, news))
    return apps
  }

  get all(): Iterable<App> {
    return this.#all.values()
  }

  named(name: string): App {
    return this.#all.get(name)!
  }

  addressOf({ name, place }: PlannedServer): string {
    return this.named(name).places[place].origin.address
  }
}
