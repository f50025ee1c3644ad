import { EventEmitter, once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type ClientSocket, onConnection } from '../../../src/downstream/client-socket.ts'
import type { Listener } from '../../../src/runtime/snapshot.ts'
import type { LocalWorker } from '../../support/local-worker.ts'
import { type Asked, type Client, type ClientExchange, type ClientKind, Received, type ReceivedHead } from './client.ts'

/** The accepting ends of connections, by the port at the other end. */
class Accepted {
  readonly #sockets = new Map<number, ClientSocket>()
  readonly #arrivals = new EventEmitter()

  add(socket: ClientSocket): void {
    this.#sockets.set(socket.remotePort!, socket)
    this.#arrivals.emit('socket')
  }

  /** The other end of a client's connection, once there is one. */
  async endOf(request: ClientRequest): Promise<ClientSocket> {
    const { socket } = request.socket ? request : { socket: (await once(request, 'socket'))[0] as Socket }
    if (socket!.connecting) await once(socket!, 'connect')
    while (!this.#sockets.has(socket!.localPort!)) await once(this.#arrivals, 'socket')
    return this.#sockets.get(socket!.localPort!)!
  }

  get all(): Iterable<ClientSocket> {
    return this.#sockets.values()
  }
}

/** Node's own client, on real connections to a worker's Http1Connections. */
class Http1Client implements Client {
  readonly #port: number
  readonly #accepted: Accepted
  readonly #agent = new Agent({ keepAlive: true, allowHalfOpen: true } as object)
  readonly #sockets = new Set<Socket>()

  private constructor(port: number, accepted: Accepted) {
    this.#port = port
    this.#accepted = accepted
  }

  static async start(test: TestContext, worker: LocalWorker): Promise<Http1Client> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const listener: Listener = { address: '127.0.0.1', port, proxyProtocol: false }
    const accepted = new Accepted()
    const accept = (socket: ClientSocket) => {
      accepted.add(socket)
      worker.clients.accept(socket, { listener, isClosed: false })
    }
    onConnection(server, accept, (error) => {
      throw error
    })
    const client = new Http1Client(port, accepted)
    test.after(() => {
      for (const socket of [...client.#sockets, ...accepted.all]) socket.destroy()
      server.close()
    })
    return client
  }

  ask({ method = 'GET', fields, body, upgrade }: Asked): ClientExchange {
    const headers = {
      ...fields,
      ...(typeof body === 'number' && { 'Content-Length': body }),
      ...(body === 'unknown' && { 'Transfer-Encoding': 'chunked' }),
      ...(upgrade !== undefined && { Connection: 'Upgrade', Upgrade: upgrade }),
    }
    const sent = request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, headers })
    sent.on('socket', (socket) => this.#sockets.add(socket))
    if (body === undefined) sent.end()
    else sent.flushHeaders()
    return new Http1Exchange(sent, this.#accepted)
  }
}

class Http1Exchange implements ClientExchange {
  readonly response = new Received()
  readonly #request: ClientRequest
  readonly #accepted: Accepted
  #message: IncomingMessage | undefined
  #tunnel: Socket | undefined
  #isPaused = false

  constructor(request: ClientRequest, accepted: Accepted) {
    this.#request = request
    this.#accepted = accepted
    const { response } = this
    request.on('information', (message) =>
      response.inform({ status: message.statusCode, fields: message.headers as ReceivedHead['fields'] }),
    )
    request.on('response', (message) => this.#read(message))
    request.on('upgrade', (message, socket, head) => this.#switch(message, socket, head))
    request.on('error', () => response.finish('reset'))
  }

  #read(message: IncomingMessage): void {
    const { response } = this
    this.#message = message
    response.respond(headOf(message))
    message.on('data', (bytes) => response.data(bytes))
    message.on('end', () => {
      response.trailers = message.trailers as Record<string, string>
      response.finish('whole')
    })
    message.on('error', () => response.finish('reset'))
    if (this.#isPaused) message.pause()
  }

  #switch(message: IncomingMessage, socket: Socket, head: Buffer): void {
    const { response } = this
    this.#tunnel = socket
    response.respond(headOf(message))
    if (head.length > 0) response.data(head)
    socket.on('data', (bytes: Buffer) => response.data(bytes))
    socket.on('end', () => response.finish('whole'))
    socket.on('error', () => response.finish('reset'))
  }

  send(bytes: Buffer): void {
    if (this.#tunnel !== undefined) this.#tunnel.write(bytes)
    else this.#request.write(bytes)
  }

  end(trailers?: Readonly<Record<string, string>>): void {
    if (trailers !== undefined) this.#request.addTrailers(trailers)
    if (this.#tunnel !== undefined) this.#tunnel.end()
    else this.#request.end()
  }

  breakRules(): void {
    this.#request.socket!.write('no size\r\n')
  }

  leave(): void {
    this.#request.socket!.resetAndDestroy()
  }

  pause(): void {
    this.#isPaused = true
    this.#message?.pause()
    this.#tunnel?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#message?.resume()
    this.#tunnel?.resume()
  }

  async held(): Promise<number> {
    const socket = await this.#accepted.endOf(this.#request)
    while (!socket.isPaused()) await once(socket, 'pause')
    return socket.bytesRead
  }
}

function headOf({ statusCode, headers }: IncomingMessage): ReceivedHead {
  return { status: statusCode!, fields: headers as ReceivedHead['fields'] }
}

export const http1: ClientKind = {
  name: 'an HTTP/1 connection',
  countsFraming: true,
  protocol: 'HTTP/1.1',
  statusOfSwitch: 101,
  start: Http1Client.start,
}
