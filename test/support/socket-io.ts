import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { createServer } from 'node:http'
import type { TestContext } from 'node:test'
import { Server } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { httpOrigin, type Origin } from './origin.ts'

/** The transports of a client: `polling` alone, or with an upgrade. */
export const waysToConnect = {
  'by long polling': ['polling'],
  'by polling, then upgraded': ['polling', 'websocket'],
} as const

/** Independent Socket.IO servers: each has its own sessions, as without an adapter. */
export class SocketIoServers {
  readonly origins: readonly Origin[]
  /** The reasons of refused requests, such as a session that the server does not know. */
  readonly refused: string[] = []
  /** The number of users that have connected to each server. */
  readonly users: number[]
  readonly #departures = new EventEmitter().setMaxListeners(0)

  private constructor(test: TestContext, origins: readonly Origin[]) {
    this.origins = origins
    this.users = origins.map(() => 0)
    for (const [index, origin] of origins.entries()) {
      const server = new Server(origin.server as ReturnType<typeof createServer>)
      server.engine.on('connection_error', ({ message }) => this.refused.push(message))
      server.on('connection', (socket) => {
        this.users[index]!++
        socket.on('say', (text, reply) => reply(`${text} heard`))
        socket.on('disconnect', () => this.#departures.emit(socket.handshake.auth.user))
      })
      test.after(() => void server.close())
    }
  }

  static async start(test: TestContext, count: number): Promise<SocketIoServers> {
    const origins = Array.from({ length: count }, () => httpOrigin(test, (_request, response) => response.end()))
    return new SocketIoServers(test, await Promise.all(origins))
  }

  /** Resolves when a server has noticed that the user disconnected. */
  async departure(user: string): Promise<void> {
    await once(this.#departures, user)
  }
}

/**
 * A user with a separate connection, without reconnection. It keeps no cookies: in Node.js, the client has no cookie jar.
 *
 * @throws Error if the client does not connect
 */
export async function connectUser(
  test: TestContext,
  url: string,
  user: string,
  transports: readonly string[],
): Promise<Socket> {
  const socket = io(url, { transports: [...transports], forceNew: true, reconnection: false, auth: { user } })
  test.after(() => socket.disconnect())
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve)
    socket.on('connect_error', reject)
    socket.on('disconnect', (reason) => reject(new Error(reason)))
  })
  return socket
}

/** Sends a few messages, one of them after the upgrade if there is one, and waits for each answer. */
export async function converse(client: Socket, user: string, transports: readonly string[]): Promise<void> {
  const say = async (text: string) => assert.equal(await client.emitWithAck('say', text), `${text} heard`)
  for (let turn = 0; turn < 5; turn++) await say(`${user}, ${turn}`)
  const { engine } = client.io
  if (transports.includes('websocket') && engine.transport.name !== 'websocket') {
    await once(engine as unknown as NodeJS.EventEmitter, 'upgrade')
  }
  await say(`${user}, last`)
}
