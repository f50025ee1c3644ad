import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ClientSocket, onConnection } from '../../../src/downstream/client-socket.ts'
import type { Listener } from '../../../src/runtime/snapshot.ts'
import type { LocalWorker } from '../../support/local-worker.ts'
import { type Asked, type Client, type ClientExchange, type ClientKind, Received, type ReceivedHead } from './client.ts'

/** Node's own client of HTTP/2, on one real connection to a worker's Http2Connection. */
class Http2Client implements Client {
  readonly #session: ClientHttp2Session
  readonly #socket: Socket
  readonly #accepted: Socket

  private constructor(session: ClientHttp2Session, socket: Socket, accepted: Socket) {
    this.#session = session
    this.#socket = socket
    this.#accepted = accepted
  }

  static async start(test: TestContext, worker: LocalWorker): Promise<Http2Client> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const listener: Listener = { address: '127.0.0.1', port, proxyProtocol: false, h2c: true }
    const accepted: ClientSocket[] = []
    onConnection(
      server,
      (socket) => {
        accepted.push(socket)
        worker.clients.accept(socket, { listener, isClosed: false })
      },
      (error) => {
        throw error
      },
    )
    const socket = connectSocket(port, '127.0.0.1')
    const session = connect(`http://127.0.0.1:${port}`, { createConnection: () => socket })
    session.on('error', () => {})
    test.after(() => {
      session.destroy()
      for (const socket of accepted) socket.destroy()
      server.close()
    })
    await once(session, 'remoteSettings')
    return new Http2Client(session, socket, accepted[0]!)
  }

  ask({ method = 'GET', fields = {}, body, upgrade }: Asked): ClientExchange {
    const { host, ...rest } = fields
    const stream = this.#session.request(
      {
        ':path': '/',
        ':method': method,
        ...(host !== undefined && { ':authority': host }),
        ...rest,
        ...(typeof body === 'number' && { 'content-length': body }),
        ...(upgrade !== undefined && { ':method': 'CONNECT', ':protocol': upgrade, ':scheme': 'http' }),
      },
      { endStream: body === undefined && upgrade === undefined, waitForTrailers: body !== undefined },
    )
    return new Http2Exchange(stream, this.#socket, this.#accepted)
  }
}

class Http2Exchange implements ClientExchange {
  readonly response = new Received()
  readonly #stream: ClientHttp2Stream
  readonly #socket: Socket
  readonly #accepted: Socket
  #trailers: Readonly<Record<string, string>> | undefined

  constructor(stream: ClientHttp2Stream, socket: Socket, accepted: Socket) {
    this.#stream = stream
    this.#socket = socket
    this.#accepted = accepted
    const { response } = this
    stream.on('headers', (fields) => response.inform(headOf(fields)))
    stream.on('response', (fields) => response.respond(headOf(fields)))
    stream.on('data', (bytes: Buffer) => response.data(bytes))
    stream.on('trailers', (fields) => {
      response.trailers = Object.fromEntries(Object.entries(fields)) as Record<string, string>
    })
    stream.on('end', () => {
      if (!stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR) response.finish('whole')
    })
    stream.on('error', () => response.finish('reset'))
    stream.on('close', () => response.finish(stream.rstCode === constants.NGHTTP2_NO_ERROR ? 'whole' : 'reset'))
    stream.on('wantTrailers', () => stream.sendTrailers(this.#trailers ?? {}))
  }

  send(bytes: Buffer): void {
    this.#stream.write(bytes)
  }

  end(trailers?: Readonly<Record<string, string>>): void {
    this.#trailers = trailers
    this.#stream.end()
  }

  /** Sends trailers with a pseudo-field, beside Node's own frames. */
  breakRules(): void {
    const frame = Buffer.from([0, 0, 1, 1, 5, 0, 0, 0, 0, 0x84])
    frame.writeUInt32BE(this.#stream.id!, 5)
    this.#socket.write(frame)
  }

  leave(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  async held(): Promise<number> {
    let read = -1
    for (let still = 0; still < 300; still++) {
      if (this.#accepted.bytesRead !== read) still = 0
      read = this.#accepted.bytesRead
      await turn()
    }
    return read
  }
}

function headOf(fields: object): ReceivedHead {
  const { ':status': status, ...rest } = Object.fromEntries(Object.entries(fields))
  return { status, fields: rest }
}

export const http2: ClientKind = {
  name: 'a stream of HTTP/2',
  countsFraming: false,
  protocol: 'HTTP/2.0',
  statusOfSwitch: 200,
  start: Http2Client.start,
}
