import { EventEmitter, once } from 'node:events'
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { until } from './until.ts'

/** A check of an instance, as Consul answers it. */
interface Check {
  readonly CheckID: string
  readonly Status: 'passing' | 'warning' | 'critical'
}

interface Registration {
  readonly node?: string
  readonly nodeAddress?: string
  /** Default: the service's name. */
  readonly id?: string
  readonly service?: string
  /** Empty: that of the node. */
  readonly address?: string
  readonly port?: number
  readonly tags?: readonly string[]
  readonly weights?: { readonly Passing: number; readonly Warning: number }
  readonly checks?: readonly Check[]
}

interface Wish {
  readonly token?: string
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
}

/**
 * In place of a Consul agent: the health endpoint with blocking queries, as its documentation describes them
 * (api-docs/health, api-docs/features/blocking). Ends with the test.
 */
export class Consul {
  /** What it has been asked: targets. */
  readonly asked: string[] = []
  /** The next answers have this index instead of the true one. */
  wrongIndex: number | undefined
  hasLeader = true
  /** Whether it hides everything from the one that asks, as from a token that has been deleted. */
  hides = false
  /** What it answers instead of the truth. */
  instead: { readonly status: number; readonly body: string } | undefined
  readonly url: string
  #index = 10
  readonly #instances = new Map<string, Registration>()
  readonly #changes = new EventEmitter().setMaxListeners(0)
  readonly #wish: Wish
  readonly #server: Server

  private constructor(url: string, wish: Wish, server: Server) {
    this.url = url
    this.#wish = wish
    this.#server = server
  }

  static async start(test: Pick<TestContext, 'after'>, wish: Wish = {}): Promise<Consul> {
    const listener: RequestListener = (request, response) => void consul.#answer(request, response)
    const { tls } = wish
    const server =
      tls === undefined
        ? createPlainServer(listener)
        : createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => consul.end())
    const { port } = server.address() as AddressInfo
    const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
    const consul: Consul = new Consul(url, wish, server)
    return consul
  }

  register(registration: Registration): void {
    this.#instances.set(keyOf(registration), registration)
    this.touch()
  }

  deregister(registration: Pick<Registration, 'node' | 'id' | 'service'>): void {
    this.#instances.delete(keyOf(registration))
    this.touch()
  }

  /** Something changes that may concern nobody: the index moves on, and questions that wait are answered. */
  touch(): void {
    this.#index++
    this.#changes.emit('change')
  }

  /** Restarts its index, as after the state of the servers has been restored. Questions that wait are answered. */
  resetIndex(): void {
    this.#index = 1
    this.#changes.emit('change')
  }

  /** All connections are lost. */
  loseConnections(): void {
    this.#server.closeAllConnections()
  }

  /** It ends, with all connections. */
  end(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** Resolves once a question waits for a change. */
  async waiting(): Promise<void> {
    await until(() => this.#changes.listenerCount('change') > 0, 2)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(request.url!)
    const { pathname, searchParams } = new URL(request.url!, 'http://consul')
    if (this.instead !== undefined) {
      response.writeHead(this.instead.status).end(this.instead.body)
      return
    }
    if (this.#wish.token !== undefined && request.headers['x-consul-token'] !== this.#wish.token) {
      response.writeHead(403).end('ACL not found')
      return
    }
    const service = /^\/v1\/health\/service\/([^/]+)$/.exec(pathname)?.[1]
    if (service === undefined) {
      response.writeHead(404).end()
      return
    }
    const known = Number(searchParams.get('index') ?? 0)
    const wait = /^(\d+)(ms|s|m)$/.exec(searchParams.get('wait') ?? '5m')!
    const milliseconds = Number(wait[1]) * { ms: 1, s: 1000, m: 60_000 }[wait[2]!]!
    // Consul waits while its index is not greater than the one it was given.
    if (known > 0 && known >= this.#index) await this.#change(response, milliseconds)
    const entries = [...this.#instances.values()]
      .filter((each) => (each.service ?? 'web') === decodeURIComponent(service))
      .filter(({ tags = [] }) => searchParams.getAll('tag').every((tag) => tags.includes(tag)))
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'X-Consul-Index': this.wrongIndex ?? this.#index,
      'X-Consul-KnownLeader': String(this.hasLeader),
      'X-Consul-LastContact': '0',
      ...(this.hides && { 'X-Consul-Results-Filtered-By-ACLs': 'true' }),
    })
    response.end(JSON.stringify(this.hides ? [] : entries.map(entryOf)))
  }

  async #change(response: ServerResponse, milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, milliseconds)
    response.once('close', resolve)
    this.#changes.once('change', resolve)
    await promise
    clearTimeout(timer)
    this.#changes.off('change', resolve)
  }
}

function keyOf({ node = 'node-1', id, service = 'web' }: Pick<Registration, 'node' | 'id' | 'service'>): string {
  return `${node} ${id ?? service}`
}

function entryOf({ node = 'node-1', nodeAddress = '10.1.0.1', service = 'web', ...rest }: Registration) {
  const { id = service, address = '', port = 80, tags = [], weights = { Passing: 1, Warning: 1 }, checks = [] } = rest
  return {
    Node: { ID: '40e4a748-2192-161a-0510-9bf59fe950b5', Node: node, Address: nodeAddress, Datacenter: 'dc1' },
    Service: { ID: id, Service: service, Tags: tags, Address: address, Port: port, Weights: weights },
    Checks: [{ Node: node, CheckID: 'serfHealth', Status: 'passing', ServiceID: '' }, ...checks],
  }
}
