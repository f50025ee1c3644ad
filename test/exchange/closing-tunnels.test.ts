/**
 * Tunnels that are closed while both sides hold on to them: on real sockets, whose every byte the test decides on, and on a
 * clock that it moves.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { onConnection } from '../../src/downstream/client-socket.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { rawOrigin } from '../support/origin.ts'
import fc from '../support/property.ts'
import '../support/seeded-random.ts'
import { closeFrame, frame, KEY, PING, TEXT } from '../support/websocket-frames.ts'
import { wheel } from '../support/wheel.ts'
import { closed, heardBy, KB, MB } from './downstream/arrangement.ts'
import type { Received } from './downstream/client.ts'
import { scripted } from './downstream/scripted-client.ts'

/** How long each step may take, in ms, with what the wheel may be late. */
const PATIENCE = 5000 + 100

const RESTART = closeFrame(1012, 'service restart')

/** One end of a tunnel: the client's or the server's. */
class End {
  readonly socket: Socket
  readonly #heard: Received
  /** Whether a Close frame was among what `next` gave. */
  isClosed = false
  /** How much of what was heard has been looked at. */
  #seen = 0

  constructor(socket: Socket) {
    this.socket = socket
    this.#heard = heardBy(socket)
  }

  say(...bytes: (Uint8Array | string)[]): void {
    this.socket.write(Buffer.concat(bytes.map((each) => Buffer.from(each as string))))
  }

  /** Resolves once these bytes are the next ones that were heard. */
  async hears(...bytes: (Uint8Array | string)[]): Promise<void> {
    const expected = Buffer.concat(bytes.map((each) => Buffer.from(each as string)))
    const heard = await this.#heard.body(this.#seen + expected.length)
    assert.deepEqual(heard.subarray(this.#seen, this.#seen + expected.length), expected)
    this.#seen += expected.length
  }

  /** Resolves once a masked Close frame of Limpet's own is the next thing that was heard. */
  async hearsRestart(): Promise<void> {
    const length = RESTART.length + 4
    const heard = (await this.#heard.body(this.#seen + length)).subarray(this.#seen)
    const key = heard.subarray(2, 6)
    assert.deepEqual(heard.subarray(0, length), closeFrame(1012, 'service restart', [...key]))
    this.#seen += length
  }

  /** Resolves to the next whole frame that was heard, of at most 125 bytes. */
  async next(): Promise<Buffer> {
    const size = 2 + (await this.#heard.body(this.#seen + 2))[this.#seen + 1]!
    const heard = await this.#heard.body(this.#seen + size)
    const next = heard.subarray(this.#seen, this.#seen + size)
    this.#seen += size
    this.isClosed ||= next[0] === RESTART[0]
    return next
  }

  /** Resolves once the other side has ended, and nothing more was heard. */
  async hearsEnd(): Promise<void> {
    const { body, outcome } = await this.#heard.over()
    assert.deepEqual([body.subarray(this.#seen), outcome], [Buffer.alloc(0), 'whole'])
  }
}

/** Lets everything that has happened so far show. */
async function turns(): Promise<void> {
  for (let count = 0; count < 10; count++) await turn()
}

/** A worker with one server, in which tunnels can be opened. */
async function stage(t: TestContext) {
  const time = wheel(t)
  const accepted: ((socket: Socket) => void)[] = []
  const origin = await rawOrigin(t, (socket) => accepted.shift()!(socket))
  const settings = {
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address] } },
  }
  const worker = await LocalWorker.start(t, settings, time.deadlines)
  const entrance = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  await once(entrance, 'listening')
  t.after(() => entrance.close())
  const { port } = entrance.address() as AddressInfo
  const through = { listener: { address: '127.0.0.1', port, proxyProtocol: false }, isClosed: false }
  onConnection(entrance, (socket) => worker.clients.accept(socket, through), assert.fail)

  /** Resolves to the server's end of the next connection to it. */
  function arrival(): Promise<Socket> {
    const { promise, resolve } = Promise.withResolvers<Socket>()
    accepted.push(resolve)
    return promise
  }

  /** Opens a tunnel of that protocol: resolves to its two ends. */
  async function open(protocol = 'websocket') {
    const server = arrival()
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => socket.destroy())
    t.after(() => socket.destroy())
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
    const serverSocket = await server
    await once(serverSocket, 'data')
    serverSocket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
    const [head] = await once(socket, 'data')
    assert.match(String(head), /^HTTP\/1.1 101 .*\r\n\r\n$/s)
    return { client: new End(socket), server: new End(serverSocket) }
  }

  return {
    ...time,
    worker,
    arrival,
    open,
    async openMany(count: number) {
      const tunnels: { client: End; server: End }[] = []
      while (tunnels.length < count) tunnels.push(await open())
      return tunnels
    },
    close: (spread = 0) => worker.context.tunnels.close(0, spread),
    /** The tunnels of the server, and its exchanges in flight, as they are counted. */
    counts: () => [worker.scoreboard.servers.tunnels(0), worker.scoreboard.servers.inFlight(0)],
  }
}

type Stage = Awaited<ReturnType<typeof stage>>

/** The tunnel's exchange is over, and nothing of it is left. */
async function assertOver({ worker, counts }: Stage, bytesSent: number, count = 1): Promise<void> {
  const records = await worker.records(count)
  assert.deepEqual([records.length, records.at(-1)!.status, records.at(-1)!.bytesSent], [count, 101, bytesSent])
  assert.deepEqual(counts(), [0, 0])
}

describe('a WebSocket that is closed', () => {
  test('gets a Close frame, and its answer goes to the server, which ends the connection', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open('WebSocket')
    assert.deepEqual(on.counts(), [1, 1])
    client.say(frame('hello', { opcode: TEXT, key: KEY }))
    await server.hears(frame('hello', { opcode: TEXT, key: KEY }))
    server.say(frame('welcome'))
    await client.hears(frame('welcome'))
    on.close()
    on.pass(100)
    await client.hears(RESTART)
    server.say(frame('too late'))
    // What the client said before it read that still arrives.
    client.say(frame('before', { key: KEY }))
    await server.hears(frame('before', { key: KEY }))
    client.socket.end(closeFrame(1012, '', KEY))
    await server.hears(closeFrame(1012, '', KEY))
    await turns()
    assert.deepEqual(on.counts(), [1, 1], 'the server has some time to answer')
    assert.deepEqual([server.socket.readableEnded, client.socket.readableEnded], [false, false])
    server.say(closeFrame(1012))
    server.socket.end()
    await client.hearsEnd()
    await assertOver(on, frame('welcome').length + RESTART.length)
    await server.hearsEnd()
  })

  test('lets the frame that its server is in the middle of pass, wherever that is, and nothing after it', async (t) => {
    const on = await stage(t)
    const whole = frame(Buffer.alloc(130, 'x'), { opcode: TEXT })
    for (const [count, cut] of [1, 2, 3, 4, 5, 70, whole.length - 1].entries()) {
      const { client, server } = await on.open()
      server.say(whole.subarray(0, cut))
      await client.hears(whole.subarray(0, cut))
      on.close()
      on.pass(100)
      server.say(whole.subarray(cut), frame('another'))
      await client.hears(whole.subarray(cut), RESTART)
      client.say(closeFrame(1012, '', KEY))
      await server.hears(closeFrame(1012, '', KEY))
      server.socket.end()
      await assertOver(on, whole.length + RESTART.length, count + 1)
    }
  })

  test('shows its client whole frames and then the Close frame, whenever it is closed', async (t) => {
    const on = await stage(t)
    const sizes = fc.oneof(fc.nat(130), fc.constantFrom(0, 125, 126, 65_536))
    const frames = fc.array(fc.record({ size: sizes, final: fc.boolean() }), { minLength: 1, maxLength: 8 })
    let count = 0
    await fc.assert(
      fc.asyncProperty(frames, fc.nat(), async (all, moment) => {
        const { client, server } = await on.open()
        const pieces = all.map(({ size, final }) => frame(Buffer.alloc(size, 0x88), { final }))
        const bytes = Buffer.concat(pieces)
        const cut = moment % (bytes.length + 1)
        let end = 0
        for (const piece of pieces) if (end < cut) end += piece.length
        server.say(bytes.subarray(0, cut))
        await client.hears(bytes.subarray(0, cut))
        on.close()
        on.pass(100)
        server.say(bytes.subarray(cut))
        await client.hears(bytes.subarray(cut, end), RESTART)
        client.say(closeFrame(1012, '', KEY))
        await server.hears(closeFrame(1012, '', KEY))
        server.socket.end()
        await client.hearsEnd()
        await assertOver(on, end + RESTART.length, ++count)
      }),
      { numRuns: 50 },
    )
  })

  test('is closed between two frames of one message', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    const begun = [frame('a long ', { opcode: TEXT, final: false }), frame('?', { opcode: PING })]
    server.say(...begun, frame('sto', { opcode: 0, final: false }).subarray(0, 3))
    await client.hears(...begun, frame('sto', { opcode: 0, final: false }).subarray(0, 3))
    on.close()
    on.pass(100)
    server.say('to', frame('ry', { opcode: 0 }))
    await client.hears('to', RESTART)
    client.say(closeFrame(1012, '', KEY))
    await server.hears(closeFrame(1012, '', KEY))
    server.socket.end()
    await client.hearsEnd()
  })

  test('is cut off without a Close frame if the frame does not end in time; the server gets one', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    server.say(frame('never').subarray(0, 4))
    await client.hears(frame('never').subarray(0, 4))
    on.close()
    on.pass(100)
    on.pass(PATIENCE)
    await server.hearsRestart()
    server.socket.end()
    await client.hearsEnd()
    await assertOver(on, 4)
  })

  test('is ended if its client does not answer in time, and its server too', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    on.close()
    on.pass(100)
    await client.hears(RESTART)
    client.say(frame('no', { key: KEY }))
    await server.hears(frame('no', { key: KEY }))
    on.pass(PATIENCE)
    await server.hearsRestart()
    client.say(frame('nothing more passes', { key: KEY }))
    server.say(frame('nothing more passes'))
    on.pass(PATIENCE)
    await client.hearsEnd()
    await assertOver(on, RESTART.length)
    // It may be a reset, of what it still said.
    await closed(server.socket)
  })

  test('lets its client end a frame, and has no Close frame for its server in the middle of it', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    const begun = frame('hello', { key: KEY }).subarray(0, 8)
    client.say(begun)
    await server.hears(begun)
    on.close()
    on.pass(100)
    await client.hears(RESTART)
    on.pass(PATIENCE)
    await client.hearsEnd()
    await server.hearsEnd()
    server.socket.end()
    await assertOver(on, RESTART.length)
  })

  test('ends for its server with a Close frame if its client just ends', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    on.close()
    on.pass(100)
    await client.hears(RESTART)
    client.socket.end(frame('last', { key: KEY }))
    await server.hears(frame('last', { key: KEY }))
    await server.hearsRestart()
    server.socket.end()
    await client.hearsEnd()
    await assertOver(on, RESTART.length)
  })

  test('leaves the server what its client has sent if that breaks off', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    on.close()
    on.pass(100)
    await client.hears(RESTART)
    client.socket.resetAndDestroy()
    await server.hearsEnd()
    await assertOver(on, RESTART.length)
  })

  test('is over for its client if the server breaks off', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    on.close()
    on.pass(100)
    await client.hears(RESTART)
    server.socket.resetAndDestroy()
    await client.hearsEnd()
    await assertOver(on, RESTART.length)
  })

  test('gets no second Close frame where its server has sent one', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    server.say(closeFrame(1001))
    await client.hears(closeFrame(1001))
    on.close()
    on.pass(100)
    client.say(closeFrame(1001, '', KEY))
    await server.hears(closeFrame(1001, '', KEY))
    server.socket.end()
    await client.hearsEnd()
    client.socket.end()
    await assertOver(on, closeFrame(1001).length)
  })

  test('gets the Close frame that its server is in the middle of, and no second one', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    server.say(closeFrame(1001).subarray(0, 3))
    await client.hears(closeFrame(1001).subarray(0, 3))
    on.close()
    on.pass(100)
    server.say(closeFrame(1001).subarray(3))
    await client.hears(closeFrame(1001).subarray(3))
    client.say(closeFrame(1001, '', KEY))
    await server.hears(closeFrame(1001, '', KEY))
    server.socket.end()
    await client.hearsEnd()
    await assertOver(on, closeFrame(1001).length)
  })

  test("gets its server's answer where its client has closed it, if that comes in time", async (t) => {
    const on = await stage(t)
    for (const answers of [true, false]) {
      const { client, server } = await on.open()
      client.say(closeFrame(1000, 'bye', KEY))
      await server.hears(closeFrame(1000, 'bye', KEY))
      on.close()
      on.pass(100)
      if (answers) {
        server.say(frame('by the way'), closeFrame(1000))
        await client.hears(frame('by the way'), closeFrame(1000))
      } else {
        on.pass(PATIENCE)
      }
      server.socket.end()
      await client.hearsEnd()
      client.socket.end()
      await on.worker.records(answers ? 1 : 2)
      await server.hearsEnd()
    }
    assert.deepEqual(on.counts(), [0, 0])
  })

  test('is ended without a Close frame where its frames cannot be told apart', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    server.say('this is not a frame of a server: ', Buffer.alloc(200, 0xff))
    await client.hears('this is not a frame of a server: ', Buffer.alloc(200, 0xff))
    client.say(frame('unmasked'))
    await server.hears(frame('unmasked'))
    on.close()
    on.pass(100)
    await Promise.all([client.hearsEnd(), server.hearsEnd()])
    server.socket.end()
    await assertOver(on, 233)
  })

  test('has everything before the Close frame read by a client that is slow', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    const large = frame(Buffer.alloc(24 * MB, 'x'))
    client.socket.pause()
    server.say(large, frame('more'))
    await on.worker.serverPaused()
    on.close()
    on.pass(100)
    client.socket.resume()
    await client.hears(large, RESTART)
    client.say(closeFrame(1012, '', KEY))
    await server.hears(closeFrame(1012, '', KEY))
    server.socket.end()
    await assertOver(on, large.length + RESTART.length)
  })

  test('has its Close frame wait for a client that takes no more, though its server says nothing more', async (t) => {
    const on = await stage(t)
    const client = await scripted.start(t, on.worker)
    const arrival = on.arrival()
    const exchange = client.ask({ upgrade: 'websocket' })
    const socket = await arrival
    await once(socket, 'data')
    exchange.pause()
    // A little more than the client takes at once.
    const shown = frame(Buffer.alloc(66 * KB, 'x'))
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.write(shown)
    await on.worker.serverPaused()
    await exchange.response.body(shown.length)
    on.close()
    on.pass(100)
    exchange.resume()
    const { length } = await exchange.response.body(shown.length + RESTART.length)
    assert.equal(length, shown.length + RESTART.length)
  })

  test('is cut off if its client does not read, and its server does not wait for that', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open()
    client.socket.pause()
    server.say(frame(Buffer.alloc(24 * MB, 'x')))
    server.socket.end()
    await on.worker.serverPaused()
    on.close()
    on.pass(100)
    on.pass(PATIENCE)
    await server.hearsRestart()
    const [record] = await on.worker.records(1)
    assert.ok(record!.bytesSent < 24 * MB)
    assert.deepEqual(on.counts(), [0, 0])
  })

  for (const first of ['client', 'server'] as const) {
    test(`is closed in the direction that is left, where its ${first} has ended the other`, async (t) => {
      const on = await stage(t)
      const ends = await on.open()
      const { client, server } = ends
      ends[first].socket.end()
      await ends[first === 'client' ? 'server' : 'client'].hearsEnd()
      on.close()
      on.pass(100)
      if (first === 'client') {
        await client.hears(RESTART)
        await client.hearsEnd()
        server.socket.end()
      } else {
        await server.hearsRestart()
      }
      await assertOver(on, first === 'client' ? RESTART.length : 0)
    })
  }
})

describe('another protocol that is closed', () => {
  test('is ended for both sides, after what each has sent', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open('test')
    const large = Buffer.alloc(8 * MB, 'x')
    client.socket.pause()
    server.say(large)
    await on.worker.serverPaused()
    client.say('and')
    await server.hears('and')
    on.close()
    on.pass(100)
    await server.hearsEnd()
    client.say('nothing more passes')
    server.socket.end()
    await on.worker.records(1)
    client.socket.resume()
    await client.hears(large.subarray(0, 64 * 1024))
    assert.deepEqual(on.counts(), [0, 0])
  })

  test('is cut off if its server does not end in time', async (t) => {
    const on = await stage(t)
    const { client, server } = await on.open('test')
    on.close()
    on.pass(100)
    await Promise.all([client.hearsEnd(), server.hearsEnd()])
    assert.deepEqual(on.counts(), [1, 1])
    on.pass(PATIENCE)
    await assertOver(on, 0)
  })
})

describe('the tunnels of a server', () => {
  const COUNT = 60

  /** How many clients of these tunnels have got a Close frame instead of what their servers say now. */
  async function closedOf(tunnels: readonly { client: End; server: End }[]): Promise<number> {
    for (const { server } of tunnels) server.say(frame('?'))
    const isClosed = await Promise.all(tunnels.map(async ({ client }) => (await client.next()).equals(RESTART)))
    return isClosed.filter(Boolean).length
  }

  test('are closed one by one over the time, and the rest at once if that is asked for then', async (t) => {
    const on = await stage(t)
    const tunnels = await on.openMany(COUNT)
    on.close(40_000)
    on.pass(20_000)
    const half = await closedOf(tunnels)
    assert.ok(half > COUNT / 4 && half < (3 * COUNT) / 4, `${half} of ${COUNT} after half the time`)
    on.close(0)
    on.pass(100)
    assert.equal(await closedOf(tunnels.filter(({ client }) => !client.isClosed)), COUNT - half)
  })

  test('are not closed later because that is asked for again', async (t) => {
    const on = await stage(t)
    const tunnels = await on.openMany(COUNT)
    on.close(1000)
    on.close(1_000_000)
    on.pass(1100)
    on.close(1_000_000)
    assert.equal(await closedOf(tunnels), COUNT)
  })

  test('are left alone by a close of another server, and counted until they are over', async (t) => {
    const on = await stage(t)
    const [tunnel] = await on.openMany(3)
    on.worker.context.tunnels.close(1, 0)
    on.pass(100)
    assert.equal(await closedOf([tunnel!]), 0)
    assert.deepEqual(on.counts(), [3, 3])
    tunnel!.client.socket.resetAndDestroy()
    await on.worker.records(1)
    assert.deepEqual(on.counts(), [2, 2])
  })
})
