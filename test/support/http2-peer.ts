import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type ClientSocket, onConnection } from '../../src/downstream/client-socket.ts'
import type { LocalWorker } from './local-worker.ts'

export const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

export const END_STREAM = 1
export const END_HEADERS = 4
export const ACK = 1

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/** The block of GET http://a/, in HPACK without its dynamic table. */
export const GET = Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x61])
export const POST = Buffer.from([0x83, 0x86, 0x84, 0x01, 0x01, 0x61])

export function frame(type: number, flags: number, stream: number, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload as string)
  const header = Buffer.alloc(9)
  header.writeUIntBE(body.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, body])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const reset = (stream: number, code = 8) => frame(Type.RST_STREAM, 0, stream, uint32(code))
export const get = (stream: number) => frame(Type.HEADERS, END_STREAM | END_HEADERS, stream, GET)
export const windowUpdate = (stream: number, increment: number) =>
  frame(Type.WINDOW_UPDATE, 0, stream, uint32(increment))

export function settings(values: Readonly<Record<number, number>>): Buffer {
  const pairs = Object.entries(values).map(([id, value]) => {
    const bytes = Buffer.alloc(6)
    bytes.writeUInt16BE(Number(id))
    bytes.writeUInt32BE(value, 2)
    return bytes
  })
  return frame(Type.SETTINGS, 0, 0, Buffer.concat(pairs))
}

export interface HeardFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** The client's end of an HTTP/2 connection to a worker of this thread: sends what it is told to, and counts what it hears. */
export class Http2Peer {
  readonly socket: Socket
  /** The worker's end. */
  readonly accepted: ClientSocket
  readonly heard: HeardFrame[] = []
  isClosed = false
  #bytes = Buffer.alloc(0)
  readonly #changes = new EventEmitter().setMaxListeners(0)

  private constructor(socket: Socket, accepted: ClientSocket) {
    this.socket = socket
    this.accepted = accepted
    socket.setNoDelay()
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.isClosed = true
        this.#changes.emit('change')
      })
    }
  }

  /** Connects, and sends the preface, the settings, and the acknowledgement of the worker's. */
  static async connect(
    test: TestContext,
    worker: LocalWorker,
    values: Readonly<Record<number, number>> = {},
  ): Promise<Http2Peer> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const listener = { address: '127.0.0.1', port, proxyProtocol: false, h2c: true } as const
    const accepted = Promise.withResolvers<ClientSocket>()
    onConnection(
      server,
      (socket) => {
        accepted.resolve(socket)
        worker.clients.accept(socket, { listener, isClosed: false })
      },
      (error) => accepted.reject(error),
    )
    const socket = connect(port, '127.0.0.1')
    const peer = new Http2Peer(socket, await accepted.promise)
    test.after(() => {
      socket.destroy()
      peer.accepted.destroy()
      server.close()
    })
    peer.say(Buffer.from(PREFACE), settings(values), frame(Type.SETTINGS, ACK, 0))
    await peer.hears(({ type, flags }) => type === Type.SETTINGS && flags === ACK)
    return peer
  }

  say(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  #read(bytes: Buffer): void {
    let rest = Buffer.concat([this.#bytes, bytes])
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3)
      if (rest.length < 9 + length) break
      const payload = rest.subarray(9, 9 + length)
      this.heard.push({ type: rest[3]!, flags: rest[4]!, stream: rest.readUInt32BE(5), payload })
      rest = rest.subarray(9 + length)
    }
    this.#bytes = rest
    this.#changes.emit('change')
  }

  /** Resolves once a frame has been heard. @throws Error if the connection is closed without it */
  async hears(isIt: (frame: HeardFrame) => boolean): Promise<HeardFrame> {
    for (let at = 0; ; ) {
      for (; at < this.heard.length; at++) if (isIt(this.heard[at]!)) return this.heard[at]!
      if (this.isClosed) throw new Error('the connection is closed')
      await once(this.#changes, 'change')
    }
  }

  /** Resolves once everything that was said before has been handled. */
  async roundTrip(): Promise<void> {
    const mark = Buffer.from(String(this.heard.length).padStart(8, '0'))
    this.say(frame(Type.PING, 0, 0, mark))
    await this.hears(({ type, flags, payload }) => type === Type.PING && flags === ACK && payload.equals(mark))
  }

  count(type: number): number {
    return this.heard.filter((frame) => frame.type === type).length
  }

  /** The code of the GOAWAY that it gets. */
  async goneAway(): Promise<number> {
    return (await this.hears(({ type }) => type === Type.GOAWAY)).payload.readUInt32BE(4)
  }
}
