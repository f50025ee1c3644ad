import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { after, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Named, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

type ServerName = 'web-1' | 'web-2' | 'web-3' | 'web-4' | 'api-1' | 'api-2' | 'live-1' | 'live-2'

const BUILD = fileURLToPath(new URL('../../scripts/build-dashboard.ts', import.meta.url))

/**
 * How often each user asks for something, in ms. Together that is more than three times what the dashboard shows of
 * requests at most.
 */
const EACH = 150
const USERS = 10
const WEBSOCKETS = 6

type Test = Pick<TestContext, 'after'>

let shared: Promise<Shop> | undefined
const endings: (() => unknown)[] = []
after(async () => {
  for (const end of endings) await end()
})

/**
 * A running Limpet with three upstreams, and users who go on asking: the dashboard has something to show of each kind.
 * `shop` keeps users by cookie, and web-3 has twice the weight; `api` is slow, and now and then answers 500; `live` has
 * WebSockets.
 */
export class Shop {
  readonly servers: Named<ServerName>
  readonly #test: Test
  readonly #ended = new AbortController()
  #limpet!: Limpet
  #admin = ''

  /** The one that all tests of a file use that leave it as it was. It ends with the file. */
  static shared(): Promise<Shop> {
    shared ??= Shop.open({ after: (end: () => unknown) => endings.push(end) })
    return shared
  }

  /** Another one, which ends with the test. */
  static async open(test: Test): Promise<Shop> {
    buildOnce()
    const shop = new Shop(test, await serversOf(test))
    await shop.start()
    shop.#admitUsers()
    return shop
  }

  private constructor(test: Test, servers: Named<ServerName>) {
    this.#test = test
    this.servers = servers
    test.after(() => this.#ended.abort())
  }

  get limpet(): Limpet {
    return this.#limpet
  }

  /** Where the admin API and the dashboard are; the same again after `stop` and `start`. */
  get admin(): string {
    return this.#admin
  }

  /** What the admin API says at a path. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  async ask(path: string): Promise<any> {
    return (await fetch(this.#admin + path)).json()
  }

  async stop(): Promise<void> {
    this.#limpet.process.kill('SIGKILL')
    await this.#limpet.exit
  }

  async start(): Promise<void> {
    const port = this.#admin === '' ? 0 : Number(new URL(this.#admin).port)
    this.#limpet = await startLimpet(this.#test, configOf(this.servers, port))
    this.#admin = await adminUrlOf(this.#limpet)
  }

  #admitUsers(): void {
    const lives = Array.from({ length: USERS }, (_, index) => this.#ask(index))
    const sockets = Array.from({ length: WEBSOCKETS }, () => this.#listen())
    this.#test.after(() => Promise.all([...lives, ...sockets]))
  }

  /** A user's life. What fails is tried again: Limpet may be down at the moment. */
  async #ask(index: number): Promise<void> {
    const user = new User()
    const paths = ['/', `/products/${index}`, `/search?q=shoes&page=${index}`, '/api/prices', '/cart']
    for (let turn = index; !this.#ended.signal.aborted; turn++) {
      await user.get(this.#limpet.port, paths[turn % paths.length]).catch(() => {})
      await this.#wait(EACH)
    }
  }

  async #listen(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const socket = new WebSocket(`ws://127.0.0.1:${this.#limpet.port}/live`)
      socket.on('error', () => {})
      const end = () => socket.terminate()
      this.#ended.signal.addEventListener('abort', end)
      // It rejects where there was an error, too.
      await once(socket, 'close').catch(() => {})
      this.#ended.signal.removeEventListener('abort', end)
      await this.#wait(EACH)
    }
  }

  async #wait(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#ended.signal }).catch(() => {})
  }
}

let isBuilt = false

function buildOnce(): void {
  if (isBuilt) return
  execFileSync(process.execPath, [BUILD, '--if-stale'], { stdio: 'pipe' })
  isBuilt = true
}

function configOf(servers: Named<ServerName>, adminPort: number): string {
  const list = (...names: ServerName[]) =>
    `[${names.map((name) => `{ name: ${name}, address: ${servers[name].address}${name === 'web-3' ? ', weight: 2' : ''} }`).join(', ')}]`
  return `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: { address: 127.0.0.1, port: ${adminPort} }
    accessLog: off
    workers: 2
    routes:
      - { path: /*, upstream: shop }
      - { path: /only-once/*, upstream: shop, filters: [{ rateLimit: { rate: 100/s, burst: 99 } }, securityHeaders, { mirror: { to: api, share: 1% } }] }
      - { path: /api/*, upstream: api }
      - { path: /live, upstream: live }
    upstreams:
      shop:
        affinity: cookie
        health: { check: { type: http, path: /health, interval: 500ms, fall: 1, rise: 1 } }
        servers: ${list('web-1', 'web-2', 'web-3', 'web-4')}
      api:
        balance: least-connections
        servers: ${list('api-1', 'api-2')}
      live:
        affinity: cookie
        servers: ${list('live-1', 'live-2')}
  `
}

async function serversOf(test: Test): Promise<Named<ServerName>> {
  const web = () => httpOrigin(test, ({ url }, response) => response.end(`a page: ${url}`))
  const [web1, web2, web3, web4, api1, api2, live1, live2] = await Promise.all([
    web(),
    web(),
    web(),
    web(),
    api(test),
    api(test),
    live(test),
    live(test),
  ])
  return {
    'web-1': web1,
    'web-2': web2,
    'web-3': web3,
    'web-4': web4,
    'api-1': api1,
    'api-2': api2,
    'live-1': live1,
    'live-2': live2,
  }
}

function api(test: Test): Promise<Origin> {
  let count = 0
  return httpOrigin(test, (_request, response) => {
    response.statusCode = ++count % 20 === 0 ? 500 : 200
    setTimeout(() => response.end('{"prices": []}'), 10 + (count % 5) * 8)
  })
}

async function live(test: Test): Promise<Origin> {
  const origin = await httpOrigin(test, (_request, response) => response.end('live'))
  const sockets = new WebSocketServer({ noServer: true })
  origin.server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (one) => one.on('message', (text) => one.send(text)))
  })
  return origin
}
