/** All servers of a Socket.IO application are replaced in turn while its clients are connected and talk. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { createServer } from 'node:http'
import type { TestContext } from 'node:test'
import { Server } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'

const SERVERS = ['a', 'b', 'c', 'd'] as const
const TRANSPORTS = [['websocket'], ['polling', 'websocket'], ['polling']] as const
/** How long an answer may take, in ms. */
const PATIENCE = 20_000

/** A server that keeps its clients in memory, as without an adapter. Resolves to its address. */
async function serverOf(test: TestContext, name: string, refused: string[]): Promise<string> {
  const origin = await httpOrigin(test, (_request, response) => response.end())
  const server = new Server(origin.server as ReturnType<typeof createServer>, { pingInterval: 1000 })
  server.engine.on('connection_error', ({ message }) => refused.push(`${name}: ${message}`))
  server.on('connection', (socket) => socket.on('where', (reply) => reply(name)))
  test.after(() => void server.close())
  return origin.address
}

/** A client that reconnects by itself, and the servers that it lost. */
class Client {
  readonly socket: Socket
  /** By server: when the client lost it, in ms since 1970. */
  readonly losses: { readonly server: string; readonly at: number }[] = []
  server = ''

  constructor(url: string, transports: readonly string[]) {
    this.socket = io(url, { transports: [...transports], forceNew: true, reconnectionDelay: 100, timeout: PATIENCE })
    this.socket.on('disconnect', () => this.losses.push({ server: this.server, at: Date.now() }))
  }

  /** Asks which server it is on, as often as it loses that before the answer. */
  async ask(): Promise<string> {
    for (;;) {
      if (!this.socket.connected) await once(this.socket as unknown as NodeJS.EventEmitter, 'connect')
      const losses = this.losses.length
      try {
        this.server = await this.socket.timeout(PATIENCE).emitWithAck('where')
        return this.server
      } catch (error) {
        if (this.losses.length === losses) throw error
      }
    }
  }

  /** Resolves once it has lost the server that it was last on. */
  async lost(): Promise<void> {
    if (this.losses.at(-1)?.server !== this.server)
      await once(this.socket as unknown as NodeJS.EventEmitter, 'disconnect')
  }
}

/** @param deadline how long the clients of a server that is replaced may stay, in ms */
export async function replaceAllInTurn(test: TestContext, count: number, deadline: number): Promise<void> {
  const refused: string[] = []
  const addresses = await Promise.all(SERVERS.map((name) => serverOf(test, name, refused)))
  const limpet = await startLimpet(
    test,
    `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 2
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          affinity: { type: learn, from: socket.io }
          servers: [${addresses.map((address, index) => `{ name: ${SERVERS[index]}, address: "${address}" }`)}]
    `,
  )
  const [, socket] = await limpet.errors.find(/admin API answers on unix:(\S+)/)
  const clients = Array.from({ length: count }, (_, index) => new Client(limpet.url, TRANSPORTS[index % 3]!))
  test.after(() => {
    for (const client of clients) client.socket.disconnect()
  })
  const askAll = () => Promise.all(clients.map((client) => client.ask()))
  assert.deepEqual(new Set(await askAll()), new Set(SERVERS))

  const deadlines = new Map<string, number>()
  for (const name of SERVERS) {
    const successor = await serverOf(test, `${name}2`, refused)
    const drain = ['--deadline', `${deadline}ms`, '--spread', '500ms']
    const args = ['replace', `app/${name}`, '--as', `${name}2`, '--address', successor, ...drain]
    const replaced = runLimpet([...args, '--json', '--socket', socket!])
    // They stay where they are, and are answered, until the deadline.
    await limpet.errors.find(new RegExp(`server ${name} drains`))
    const before = clients.map(({ server }) => server)
    const after = await askAll()
    if (!limpet.errors.all.some((line) => line.includes(`server ${name}: the drain's deadline`))) {
      assert.deepEqual(after, before)
    }
    const { code, stdout, stderr } = await replaced
    assert.equal(code, 0, stdout + stderr)
    deadlines.set(name, Date.parse(JSON.parse(stdout).drain.deadline))
    await Promise.all(clients.filter(({ server }) => server === name).map((client) => client.lost()))
    await askAll()
  }

  assert.deepEqual(new Set(await askAll()), new Set(SERVERS.map((name) => `${name}2`)))
  for (const { losses } of clients) {
    for (const { server, at } of losses) {
      assert.ok(
        at >= (deadlines.get(server) ?? Infinity),
        `${server} was lost ${deadlines.get(server)! - at} ms too early`,
      )
    }
  }
  assert.ok(
    clients.every(({ losses }) => losses.length >= 1),
    'everyone has lost the server of the beginning',
  )
  const unknown = refused.filter((message) => !/Session ID unknown/.test(message))
  assert.deepEqual(unknown, [])
}
