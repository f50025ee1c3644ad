import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { FORWARDED } from '../admin/forwarded.ts'

/** Fields that belong to one connection (RFC 9110, 7.6.1). */
const OF_CONNECTION = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']

/**
 * Serves the admin API of a Unix socket on a loopback port, to browsers that have signed in. It marks what it forwards, so
 * that the socket does not take everybody on this machine for the user who may open it.
 */
export class DashboardForwarder {
  readonly url: URL
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  }

  /**
   * @param port 0: any free port
   * @throws the system's error if it cannot listen
   */
  static async start(socketPath: string, port: number): Promise<DashboardForwarder> {
    const server = createServer((incoming, outgoing) => void forward(incoming, outgoing, socketPath))
    server.listen({ host: '127.0.0.1', port })
    await once(server, 'listening')
    return new DashboardForwarder(server)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, socketPath: string): Promise<void> {
  const { method = 'GET', url: path = '/', headers } = incoming
  const isOwn = (name: string) => OF_CONNECTION.includes(name)
  const passed = Object.fromEntries(Object.entries(headers).filter(([name]) => !isOwn(name)))
  const asked = request({ socketPath, method, path, headers: { ...passed, [FORWARDED]: 'dashboard' }, agent: false })
  outgoing.on('close', () => asked.destroy())
  try {
    const answered = once(asked, 'response') as Promise<[IncomingMessage]>
    const sent = pipeline(incoming, asked)
    sent.catch(() => {})
    const [answer] = await answered
    const fields = Object.entries(answer.headers).filter(([name]) => !isOwn(name))
    outgoing.writeHead(answer.statusCode!, Object.fromEntries(fields)).flushHeaders()
    await pipeline(answer, outgoing)
  } catch {
    if (!outgoing.headersSent) outgoing.writeHead(502, { 'Content-Type': 'text/plain' })
    outgoing.end('Limpet does not answer on its socket.\n')
  }
}
