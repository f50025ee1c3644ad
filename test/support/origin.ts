import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** What ends a server: a test, or a file of tests. */
type Test = Pick<TestContext, 'after'>

/** A server behind Limpet, on a free loopback port or a Unix socket. */
export interface Origin {
  readonly server: Server
  /** 0 on a Unix socket. */
  readonly port: number
  /** As written in a configuration and in the log. */
  readonly address: string
  /** Stops listening and resets all connections. */
  kill(): Promise<void>
  /** Listens again on the same address. */
  revive(): Promise<void>
}

/**
 * A server with Node's HTTP implementation.
 *
 * @param path of a Unix socket to listen on
 */
export function httpOrigin(test: Test, handle: RequestListener, path?: string): Promise<Origin> {
  return start(test, createHttpServer({ keepAliveTimeout: 60_000 }, handle), path)
}

/** A server that answers with its name and the cookies that it sees: `a sid=1`, or `a -` without any. */
export function namedOrigin(test: Test, name: string): Promise<Origin> {
  return httpOrigin(test, ({ headers }, response) => response.end(`${name} ${headers.cookie ?? '-'}`))
}

/** Servers by their names. */
export type Named<Name extends string> = Readonly<Record<Name, Origin>>

/** A server of each name, as `namedOrigin` makes them. */
export async function namedOrigins<Name extends string>(test: Test, ...names: readonly Name[]): Promise<Named<Name>> {
  const entries = names.map(async (name) => [name, await namedOrigin(test, name)])
  return Object.fromEntries(await Promise.all(entries))
}

/** A server whose every byte the test decides on. */
export function rawOrigin(test: Test, converse: (socket: Socket) => void, path?: string): Promise<Origin> {
  return start(test, createServer({ allowHalfOpen: true }, converse), path)
}

/** Their addresses, as they stand in the `servers` of a configuration. */
export function addressesOf(origins: readonly Origin[]): string {
  return origins.map(({ address }) => address).join(', ')
}

async function start(test: Test, server: Server, path?: string): Promise<Origin> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  })
  const listen = async (port: number) => {
    server.listen(path === undefined ? { port, host: '127.0.0.1' } : { path })
    await once(server, 'listening')
    return path === undefined ? (server.address() as AddressInfo).port : 0
  }
  const port = await listen(0)
  const kill = async () => {
    if (!server.listening) return
    server.close()
    // A socket that is already ending cannot be reset, and neither can a Unix socket.
    for (const socket of sockets)
      socket.writableEnded || path !== undefined ? socket.destroy() : socket.resetAndDestroy()
    await once(server, 'close')
  }
  test.after(kill)
  const address = path === undefined ? `127.0.0.1:${port}` : `unix:${path}`
  return { server, port, address, kill, revive: async () => void (await listen(port)) }
}
