import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A server behind Limpet, on a loopback port of its own. */
export interface Origin {
  readonly server: Server
  readonly port: number
  /** As it stands in a configuration and in the log. */
  readonly address: string
  /** Stops listening and breaks off every connection. */
  kill(): Promise<void>
  /** Listens again, on the same port. */
  revive(): Promise<void>
}

/** A server that speaks HTTP by Node's own implementation. */
export function httpOrigin(test: TestContext, handle: RequestListener): Promise<Origin> {
  return start(test, createHttpServer({ keepAliveTimeout: 60_000 }, handle))
}

/** A server whose every byte the test decides on. */
export function rawOrigin(test: TestContext, converse: (socket: Socket) => void): Promise<Origin> {
  return start(test, createServer({ allowHalfOpen: true }, converse))
}

async function start(test: TestContext, server: Server): Promise<Origin> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(0)
  const kill = async () => {
    if (!server.listening) return
    server.close()
    // A socket that is being ended cannot be reset any more.
    for (const socket of sockets) socket.writableEnded ? socket.destroy() : socket.resetAndDestroy()
    await once(server, 'close')
  }
  test.after(kill)
  return { server, port, address: `127.0.0.1:${port}`, kill, revive: async () => void (await listen(port)) }
}
