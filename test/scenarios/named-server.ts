/** A server that answers with its name. */
import { once } from 'node:events'
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocketServer } from 'ws'

export interface NamedServer {
  readonly server: HttpServer
  readonly name: string
  readonly address: string
}

/** A server that answers with its name, and with how many bytes it got; and to a WebSocket with its name. */
export async function named(t: TestContext, name: string, port = 0): Promise<NamedServer> {
  const server = createServer(async (request, response) => {
    response.end(`${name} ${await lengthOf(request)}`)
  }).listen(port, '127.0.0.1')
  new WebSocketServer({ server }).on('connection', (socket) => socket.send(name))
  await once(server, 'listening')
  t.after(() => end({ server }))
  return { server, name, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** It listens no longer, and loses its connections. */
export function end({ server }: Pick<NamedServer, 'server'>): void {
  server.close()
  server.closeAllConnections()
}

async function lengthOf(message: IncomingMessage): Promise<number> {
  let length = 0
  for await (const chunk of message) length += (chunk as Buffer).length
  return length
}

/** As an upstream of the file has it. */
export function entry({ name, address }: NamedServer) {
  return { name, address }
}
