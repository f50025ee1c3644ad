/**
 * What Limpet asks of a Docker engine, answered as its API's documentation says (https://docs.docker.com/reference/api/engine/), and
 * as test/containers/discovery.test.ts has seen of a real one. Everything else is refused, as by a proxy that allows nothing more.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFolder } from './folder.ts'

interface Given {
  readonly name: string
  readonly labels?: Record<string, string>
  readonly address?: string
  readonly ports?: readonly number[]
  readonly health?: string
  readonly created?: number
  readonly stopSignal?: string
  readonly networks?: Record<string, string>
  readonly networkMode?: string
}

interface Running {
  id: string
  name: string
  created: number
  started: number
  status: string
  health: string | undefined
  given: Given
  networks: Record<string, string>
}

const ALLOWED = /^\/(?:_ping|v1\.\d+\/(?:version|events|networks|containers\/json|containers\/[\w.-]+\/json))(?:\?|$)/

export class StandInEngine {
  readonly socket: string
  readonly host: string
  /** All requests so far: `GET /v1.41/containers/json`. */
  readonly requests: string[] = []
  readonly #containers = new Map<string, Running>()
  readonly #past: object[] = []
  readonly #listeners = new Set<ServerResponse>()
  #server: Server
  #clock = Date.parse('2026-01-01T00:00:00Z')
  #count = 0
  /** Answers about single containers wait for it. */
  #held: Promise<void> | undefined
  version = '1.41'

  private constructor(socket: string) {
    this.socket = socket
    this.host = `unix://${socket}`
    this.#server = this.#newServer()
  }

  static async start(test: TestContext): Promise<StandInEngine> {
    const engine = new StandInEngine(join(await temporaryFolder(test), 'docker.sock'))
    await engine.listen()
    test.after(() => engine.close())
    return engine
  }

  async listen(): Promise<void> {
    this.#server = this.#newServer()
    this.#server.listen(this.socket)
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    this.#listeners.clear()
    await closed
  }

  /** Answers about single containers are held back until the returned function is called. */
  holdLooks(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held = promise
    return () => {
      this.#held = undefined
      resolve()
    }
  }

  /** Starts a container. Returns its id. */
  run(given: Given): string {
    const id = (++this.#count).toString(16).padStart(64, 'c')
    const now = this.#tick()
    const networks = given.networks ?? { bridge: given.address ?? `172.17.0.${this.#count + 1}` }
    const { name, created = now, health } = given
    this.#containers.set(id, { id, name, created, started: this.#clock, status: 'running', health, given, networks })
    this.#say(id, 'start')
    return id
  }

  kill(id: string, signal: string | number = 15): void {
    this.#say(id, 'kill', { signal: String(signal) })
  }

  die(id: string): void {
    this.#at(id).status = 'exited'
    this.#at(id).networks = {}
    this.#say(id, 'die', { exitCode: '0' })
  }

  remove(id: string): void {
    this.#say(id, 'destroy')
    this.#containers.delete(id)
  }

  start(id: string, networks: Record<string, string>): void {
    Object.assign(this.#at(id), { status: 'running', networks, started: this.#tick() })
    this.#say(id, 'start')
  }

  pause(id: string): void {
    this.#at(id).status = 'paused'
    this.#say(id, 'pause')
  }

  unpause(id: string): void {
    this.#at(id).status = 'running'
    this.#say(id, 'unpause')
  }

  health(id: string, status: string): void {
    this.#at(id).health = status
    this.#say(id, `health_status: ${status}`)
  }

  rename(id: string, name: string): void {
    this.#at(id).name = name
    this.#say(id, 'rename', { oldName: '' })
  }

  connect(id: string, network: string, address: string): void {
    this.#at(id).networks[network] = address
    this.#sayOfNetwork(id, 'connect', network)
  }

  disconnect(id: string, network: string): void {
    delete this.#at(id).networks[network]
    this.#sayOfNetwork(id, 'disconnect', network)
  }

  #newServer(): Server {
    return createServer((request, response) => void this.#answer(request, response))
  }

  async #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${method} ${url}`)
    if ((method !== 'GET' && method !== 'HEAD') || !ALLOWED.test(url))
      return void response.writeHead(403).end('Forbidden')
    const date = new Date(this.#clock).toUTCString()
    response.setHeader('Date', date)
    const { pathname, searchParams } = new URL(url, 'http://docker')
    if (pathname === '/_ping') return void response.setHeader('Api-Version', this.version).end('OK')
    if (pathname.endsWith('/events')) return this.#follow(response, Number(searchParams.get('since')))
    if (pathname.endsWith('/containers/json')) {
      const running = [...this.#containers.values()].filter(({ status }) => status !== 'exited')
      return void response.end(JSON.stringify(running.map(({ id, name }) => ({ Id: id, Names: [`/${name}`] }))))
    }
    const id = pathname.split('/').at(-2)!
    const container = this.#containers.get(id)
    const answer = container && JSON.stringify(asInspected(container))
    await this.#held
    if (answer === undefined)
      return void response.writeHead(404).end(JSON.stringify({ message: `No such container: ${id}` }))
    response.end(answer)
  }

  #follow(response: ServerResponse, since: number): void {
    response.setHeader('Content-Type', 'application/json')
    response.flushHeaders()
    for (const event of this.#past)
      if ((event as { time: number }).time >= since) response.write(`${JSON.stringify(event)}\n`)
    this.#listeners.add(response)
    response.on('close', () => this.#listeners.delete(response))
  }

  #say(id: string, action: string, attributes: Record<string, string> = {}): void {
    const { name, given } = this.#at(id)
    this.#send('container', action, id, { ...given.labels, name, image: 'app', ...attributes })
  }

  #sayOfNetwork(id: string, action: string, name: string): void {
    this.#send('network', action, name, { container: id, name, type: 'bridge' })
  }

  #send(Type: string, Action: string, ID: string, Attributes: Record<string, string>): void {
    const time = this.#tick()
    const event = { Type, Action, Actor: { ID, Attributes }, scope: 'local', time: time / 1000, timeNano: time * 1e6 }
    this.#past.push(event)
    for (const listener of this.#listeners) listener.write(`${JSON.stringify(event)}\n`)
  }

  #at(id: string): Running {
    return this.#containers.get(id)!
  }

  #tick(): number {
    this.#clock += 10
    return this.#clock
  }
}

function asInspected({ id, name, created, started, status, health, given, networks }: Running) {
  return {
    Id: id,
    Name: `/${name}`,
    Created: new Date(created).toISOString(),
    State: {
      Status: status,
      StartedAt: new Date(started).toISOString(),
      ...(health !== undefined && { Health: { Status: health, FailingStreak: 0, Log: [] } }),
    },
    HostConfig: { NetworkMode: given.networkMode ?? 'default' },
    Config: {
      Labels: given.labels ?? null,
      Env: ['PATH=/bin'],
      ExposedPorts: Object.fromEntries((given.ports ?? [80]).map((port) => [`${port}/tcp`, {}])),
      ...(given.stopSignal !== undefined && { StopSignal: given.stopSignal }),
    },
    NetworkSettings: {
      Networks: Object.fromEntries(
        Object.entries(networks).map(([network, address]) => [network, { IPAddress: address, GlobalIPv6Address: '' }]),
      ),
    },
  }
}
