import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js'

/** What a client asks of a call by its metadata: a status at its end, or that it is not answered. */
const STATUS = 'x-status'
const MESSAGE = 'x-message'
const HANG = 'x-hang'
/** The answer has no metadata at its beginning; with a status other than OK, it is nothing but that. */
const BARE = 'x-bare'
/** Metadata that comes back with the answer: at its beginning, and at its end. */
const INITIAL = 'x-echo-initial'
const TRAILING = 'x-echo-trailing-bin'

type Call =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerReadableStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>

const itself = (bytes: Buffer) => bytes

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/limpet.test.Interop/${name}`,
    requestStream,
    responseStream,
    requestSerialize: itself,
    requestDeserialize: itself,
    responseSerialize: itself,
    responseDeserialize: itself,
  }
}

const methods = {
  unary: method('Unary', false, false),
  serverStream: method('ServerStream', false, true),
  clientStream: method('ClientStream', true, false),
  bidi: method('Bidi', true, true),
  unimplemented: method('Unimplemented', false, false),
}

/**
 * A server of gRPC with the four kinds of calls, whose messages are plain bytes: `unary` and `bidi` answer each message with itself,
 * `clientStream` with the number of bytes, and `serverStream` with as many messages as it is told (`3x1000`: three of 1,000 bytes).
 */
export class GrpcService {
  readonly #name: string
  readonly #security: ServerCredentials
  readonly #server: Server
  #port = 0
  /** What clients sent with each call, in order. */
  calls: Metadata[] = []
  /** How many calls were cancelled before they were answered. */
  cancelled = 0
  readonly #changes = new EventEmitter().setMaxListeners(0)
  /** Messages of `serverStream` that were written and that the transport has taken. */
  taken = 0

  private constructor(name: string, security: ServerCredentials) {
    this.#name = name
    this.#security = security
    this.#server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
    const { unimplemented: _, ...implemented } = methods
    this.#server.addService(implemented, {
      unary: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
        if (this.#begin(call)) answer(statusOf(call), call.request, trailingOf(call))
      },
      clientStream: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
        let length = 0
        call.on('data', (bytes: Buffer) => {
          length += bytes.length
          this.#note()
        })
        if (!this.#begin(call)) return
        call.on('end', () => answer(statusOf(call), Buffer.from(String(length)), trailingOf(call)))
      },
      serverStream: (call: ServerWritableStream<Buffer, Buffer>) => {
        if (this.#begin(call)) void this.#stream(call)
      },
      bidi: (call: ServerDuplexStream<Buffer, Buffer>) => {
        if (!this.#begin(call)) return
        call.on('data', (bytes: Buffer) => call.write(bytes))
        call.on('end', () => end(call))
      },
    })
  }

  /** Starts on a free loopback port; stops with the test. */
  static async start(
    test: TestContext,
    name = 'server',
    security = ServerCredentials.createInsecure(),
  ): Promise<GrpcService> {
    const service = new GrpcService(name, security)
    await service.listen(0)
    test.after(() => service.kill())
    return service
  }

  async listen(port: number): Promise<void> {
    const bound = Promise.withResolvers<number>()
    this.#server.bindAsync(`127.0.0.1:${port}`, this.#security, (error, port) =>
      error === null ? bound.resolve(port) : bound.reject(error),
    )
    this.#port = await bound.promise
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Ends all connections at once. */
  kill(): void {
    this.#server.forceShutdown()
  }

  /** Takes no further calls, and ends once those that there are have ended (GOAWAY). */
  async drain(): Promise<void> {
    const over = Promise.withResolvers<void>()
    this.#server.tryShutdown((error) => (error ? over.reject(error) : over.resolve()))
    await over.promise
  }

  /** Resets the counts. */
  forget(): void {
    this.calls = []
    this.cancelled = this.taken = 0
  }

  /** Resolves once `isSo`, which is asked whenever something happens. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this.#changes, 'change')
  }

  /** Returns whether the call is to be answered. */
  #begin(call: Call): boolean {
    this.calls.push(call.metadata)
    const events: EventEmitter = call.setMaxListeners(0)
    events.on('cancelled', () => {
      this.cancelled++
      this.#note()
    })
    const initial = new Metadata()
    initial.set('x-server', this.#name)
    for (const value of call.metadata.get(INITIAL)) initial.add(INITIAL, value)
    if (call.metadata.get(BARE).length === 0) call.sendMetadata(initial)
    this.#note()
    return call.metadata.get(HANG).length === 0
  }

  async #stream(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
    const [count, size] = String(call.request).split('x').map(Number)
    for (let i = 0; i < count! && !call.cancelled; i++) {
      const isTaken = call.write(Buffer.alloc(size!, i))
      this.taken++
      if (!isTaken) await Promise.race([once(call, 'drain'), once(call, 'cancelled')])
    }
    end(call)
  }

  #note(): void {
    this.#changes.emit('change')
  }
}

function end(call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): void {
  const status = statusOf(call)
  if (status === null) call.end(trailingOf(call))
  else call.emit('error', { ...status, metadata: trailingOf(call) })
}

function statusOf({ metadata }: Call): { code: number; details: string } | null {
  const [code] = metadata.get(STATUS)
  const [message = ''] = metadata.get(MESSAGE)
  return code === undefined ? null : { code: Number(code), details: decodeURIComponent(String(message)) }
}

function trailingOf({ metadata }: Call): Metadata {
  const trailing = new Metadata()
  for (const value of metadata.get(TRAILING)) trailing.add(TRAILING, value)
  return trailing
}

/** The network in front of a service: its connections can break. */
export class Relay {
  readonly #server: NetServer
  readonly #sockets = new Set<Socket>()

  private constructor(to: string) {
    const port = Number(to.split(':')[1])
    this.#server = createServer((socket) => {
      const other = connect(port, '127.0.0.1')
      for (const [from, to] of [
        [socket, other],
        [other, socket],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => {})
        from.on('close', () => to.destroy())
        from.pipe(to)
      }
    })
  }

  /** Starts on a free loopback port, in front of that address; stops with the test. */
  static async start(test: TestContext, to: string): Promise<Relay> {
    const relay = new Relay(to)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    test.after(() => {
      relay.cut()
      relay.#server.close()
    })
    return relay
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resets all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
    this.#sockets.clear()
  }
}

/** What is asked of a call. */
export interface Wish {
  /** The status that it is to end with. */
  readonly status?: number
  readonly message?: string
  /** It is not answered. */
  readonly hangs?: boolean
  /** The answer is nothing but its status. */
  readonly bare?: boolean
  /** Metadata that is to come back: at the beginning of the answer, and (binary) at its end. */
  readonly initial?: string
  readonly trailing?: Buffer
  readonly metadata?: Readonly<Record<string, string | Buffer>>
  /** In ms from now. */
  readonly deadline?: number
}

/** How a call has ended. */
export interface Outcome {
  readonly code: number
  readonly details: string
  readonly messages: readonly Buffer[]
  /** The metadata at the beginning of the answer, and at its end. */
  readonly initial: Metadata
  readonly trailing: Metadata
}

type AnyCall =
  | ClientUnaryCall
  | ClientReadableStream<Buffer>
  | ClientWritableStream<Buffer>
  | ClientDuplexStream<Buffer, Buffer>

/** One call in progress, of whichever kind. */
export class GrpcCall {
  readonly #call: AnyCall
  readonly #outcome: Promise<Outcome>
  readonly #messages: Buffer[] = []
  readonly #changes = new EventEmitter().setMaxListeners(0)
  #initial = new Metadata()
  #hasInitial = false
  #isOver = false

  constructor(call: AnyCall) {
    this.#call = call
    const events: EventEmitter = call
    events.on('metadata', (metadata: Metadata) => {
      this.#initial = metadata
      this.#hasInitial = true
      this.#changes.emit('change')
    })
    events.on('error', () => {})
    events.on('data', (bytes: Buffer) => this.answered(bytes))
    const over = Promise.withResolvers<Outcome>()
    events.on('status', ({ code, details, metadata }: StatusObject) => {
      // The last message of a single answer is handed over after the status.
      setImmediate(() => {
        this.#isOver = true
        over.resolve({ code, details, messages: this.#messages, initial: this.#initial, trailing: metadata })
        this.#changes.emit('change')
      })
    })
    this.#outcome = over.promise
  }

  answered(bytes: Buffer): void {
    this.#messages.push(bytes)
    this.#changes.emit('change')
  }

  send(bytes: Buffer): void {
    ;(this.#call as ClientWritableStream<Buffer>).write(bytes)
  }

  end(): void {
    ;(this.#call as ClientWritableStream<Buffer>).end()
  }

  pause(): void {
    ;(this.#call as ClientReadableStream<Buffer>).pause()
  }

  resume(): void {
    ;(this.#call as ClientReadableStream<Buffer>).resume()
  }

  cancel(): void {
    this.#call.cancel()
  }

  over(): Promise<Outcome> {
    return this.#outcome
  }

  /** Resolves once the answer has begun. */
  async begun(): Promise<void> {
    while (!this.#hasInitial) await this.#change('initial metadata')
  }

  /** Resolves once there are that many messages. */
  async messages(count: number): Promise<readonly Buffer[]> {
    while (this.#messages.length < count) await this.#change(`${count} messages`)
    return this.#messages
  }

  async #change(awaited: string): Promise<void> {
    if (this.#isOver) {
      const { code, details } = await this.#outcome
      throw new Error(`the call ended (${code} ${details}) without ${awaited}`)
    }
    await once(this.#changes, 'change')
  }
}

/** A client of GrpcService, on a connection of its own. */
export class GrpcClient {
  readonly #client: Client

  constructor(
    test: TestContext,
    address: string,
    options: ChannelOptions = {},
    security = credentials.createInsecure(),
  ) {
    this.#client = new Client(address, security, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      // A test that wants another attempt makes one.
      'grpc.enable_retries': 0,
      ...options,
    })
    test.after(() => this.#client.close())
  }

  unary(message: Buffer, wish: Wish = {}): GrpcCall {
    return this.#single(methods.unary, message, wish)
  }

  unimplemented(message: Buffer, wish: Wish = {}): GrpcCall {
    return this.#single(methods.unimplemented, message, wish)
  }

  /** A call of a method of that path. */
  at(path: string, wish: Wish = {}): GrpcCall {
    return this.#single({ ...methods.unary, path }, Buffer.from('x'), wish)
  }

  #single({ path }: { path: string }, message: Buffer, wish: Wish): GrpcCall {
    const answer = (_error: ServiceError | null, bytes?: Buffer) => bytes !== undefined && call.answered(bytes)
    const call: GrpcCall = new GrpcCall(
      this.#client.makeUnaryRequest(path, itself, itself, message, metadataOf(wish), optionsOf(wish), answer),
    )
    return call
  }

  clientStream(wish: Wish = {}): GrpcCall {
    const { path } = methods.clientStream
    const answer = (_error: ServiceError | null, bytes?: Buffer) => bytes !== undefined && call.answered(bytes)
    const call: GrpcCall = new GrpcCall(
      this.#client.makeClientStreamRequest(path, itself, itself, metadataOf(wish), optionsOf(wish), answer),
    )
    return call
  }

  serverStream(count: number, size: number, wish: Wish = {}): GrpcCall {
    const { path } = methods.serverStream
    const message = Buffer.from(`${count}x${size}`)
    return new GrpcCall(
      this.#client.makeServerStreamRequest(path, itself, itself, message, metadataOf(wish), optionsOf(wish)),
    )
  }

  bidi(wish: Wish = {}): GrpcCall {
    const { path } = methods.bidi
    return new GrpcCall(this.#client.makeBidiStreamRequest(path, itself, itself, metadataOf(wish), optionsOf(wish)))
  }
}

function metadataOf({ status, message, hangs, bare, initial, trailing, metadata: more = {} }: Wish): Metadata {
  const metadata = new Metadata()
  if (status !== undefined) metadata.set(STATUS, String(status))
  if (message !== undefined) metadata.set(MESSAGE, encodeURIComponent(message))
  if (hangs) metadata.set(HANG, '1')
  if (bare) metadata.set(BARE, '1')
  if (initial !== undefined) metadata.set(INITIAL, initial)
  if (trailing !== undefined) metadata.set(TRAILING, trailing)
  for (const [name, value] of Object.entries(more)) metadata.add(name, value)
  return metadata
}

function optionsOf({ deadline }: Wish) {
  return deadline === undefined ? {} : { deadline: Date.now() + deadline }
}
