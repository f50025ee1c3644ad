/**
 * What a client of HTTP/2 can do to make a worker work, or keep something, for nothing. Each is bounded by what honest clients
 * never reach; the bounds are counts, so that they hold on any machine.
 */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Filter } from '../../src/exchange/filter.ts'
import {
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  get,
  Http2Peer,
  POST,
  reset,
  settings,
  Type,
  windowUpdate,
} from '../support/http2-peer.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { httpOrigin } from '../support/origin.ts'

const INITIAL_WINDOW_SIZE = 4
const ENHANCE_YOUR_CALM = 0xb
const REFUSED_STREAM = 7
const MOST_STREAMS = 128
const KB = 1024

async function start(
  t: TestContext,
  respond: (response: ServerResponse) => void,
  values: Record<number, number> = {},
  rest = {},
) {
  const origin = await httpOrigin(t, (_, response) => respond(response))
  const worker = await LocalWorker.start(t, {
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [origin.address] } },
    ...rest,
  })
  return { origin, worker, peer: await Http2Peer.connect(t, worker, values) }
}

/** How many exchanges a worker ends in each turn of the event loop, until that is done. */
async function endsByTurn(worker: LocalWorker, until: Promise<unknown>): Promise<readonly number[]> {
  let isOver = false
  void until.finally(() => {
    isOver = true
  })
  const ends: number[] = []
  for (let before = worker.count; !isOver; ) {
    await turn()
    ends.push(worker.count - before)
    before = worker.count
  }
  return ends
}

const CANCELLED = 20_000

/** What ends streams as soon as they have begun. */
const cancellations = {
  'by the client (Rapid Reset, CVE-2023-44487)': (id: number) => reset(id),
  'by frames that break a rule, so that the server ends them (MadeYouReset, CVE-2025-8671)': (id: number) =>
    windowUpdate(id, 0),
}

for (const [way, cancel] of Object.entries(cancellations)) {
  test(`${CANCELLED} streams that are ended at once, ${way}: few in each turn, and the connection goes on`, async (t) => {
    const { worker, peer } = await start(t, (response) => response.end('here'))
    const frames: Buffer[] = []
    for (let i = 0; i < CANCELLED; i++) frames.push(get(2 * i + 1), cancel(2 * i + 1))
    peer.say(...frames)
    const ends = await endsByTurn(worker, peer.roundTrip())
    // Until it is known what kind of client this is, more is read at once.
    const [first, ...others] = ends.filter((count) => count > 0)
    assert.ok(first! <= 2 * MOST_STREAMS, `${first} exchanges in the first turn`)
    assert.ok(Math.max(...others) <= 96, `${Math.max(...others)} exchanges in one turn`)
    assert.equal(peer.count(Type.GOAWAY), 0)
    assert.ok(peer.heard.every(({ type, payload }) => type !== Type.RST_STREAM || payload[3] !== REFUSED_STREAM))
    const last = 2 * CANCELLED + 1
    peer.say(get(last))
    await peer.hears(({ type, stream }) => type === Type.DATA && stream === last)
  })
}

for (const [way, cancel] of Object.entries(cancellations)) {
  test(`what a wasteful client has ended again with what arrived of it goes to no server: ${way}`, async (t) => {
    const { worker, peer } = await start(t, (response) => response.end('here'))
    let filtered = 0
    worker.context.filtersOf = () => [{ name: 'counts', request: () => void filtered++ }]
    peer.say(...Array.from({ length: CANCELLED }, (_, i) => [get(2 * i + 1), cancel(2 * i + 1)]).flat())
    await peer.roundTrip()
    const records = await worker.records(CANCELLED)
    // Until it is known to be wasteful, its requests begin as anyone's do.
    const begun = records.filter(({ serverNames }) => serverNames !== '').length
    assert.ok(begun <= CANCELLED / 20, `${begun} of ${CANCELLED} requests went to a server`)
    assert.ok(filtered <= CANCELLED / 20, `${filtered} of ${CANCELLED} requests were shown to filters`)
    assert.ok(records.every(({ status }) => status === 499))
    assert.equal(peer.count(Type.GOAWAY), 0)
  })
}

for (const [what, filters] of [
  ['', undefined],
  [', by filters that wait, too', [{ name: 'slow', request: () => turn().then(() => turn(undefined)) }]],
] as const)
  wasteful(what, filters)

function wasteful(what: string, filters: readonly Filter[] | undefined): void {
  test(`a wasteful client is still answered, whatever it does not cancel${what}`, async (t) => {
    const { worker, peer } = await start(t, (response) => response.end('here'))
    worker.context.filtersOf = () => filters
    const asked: number[] = []
    const frames: Buffer[] = []
    for (let i = 0; i < 2000; i++) {
      const id = 2 * i + 1
      frames.push(get(id))
      if (i % 40 === 39) asked.push(id)
      else frames.push(reset(id))
    }
    peer.say(...frames)
    for (const id of asked) await peer.hears(({ type, stream }) => type === Type.DATA && stream === id)
  })
}

test('eight clients that end streams at once: few in each turn, all of them together', async (t) => {
  const { worker, peer } = await start(t, (response) => response.end('here'))
  const peers = [peer, ...(await Promise.all(Array.from({ length: 7 }, () => Http2Peer.connect(t, worker))))]
  for (const each of peers)
    each.say(...Array.from({ length: 2000 }, (_, i) => [get(2 * i + 1), reset(2 * i + 1)]).flat())
  const ends = await endsByTurn(worker, Promise.all(peers.map((each) => each.roundTrip())))
  const busy = ends.filter((count) => count > 0)
  // Each has a bound of its own at first; from then on they share one.
  const most = Math.max(...busy.slice(8))
  assert.ok(most <= MOST_STREAMS, `${most} exchanges in one turn`)
  assert.equal(worker.count, 8 * 2000)
})

test('a client that is answered is served before those that waste its time have been', async (t) => {
  const { worker, peer } = await start(t, (response) => response.end('here'))
  const COUNT = 5000
  peer.say(...Array.from({ length: COUNT }, (_, i) => [get(2 * i + 1), reset(2 * i + 1)]).flat())
  const other = await Http2Peer.connect(t, worker)
  for (let id = 1; id < 20; id += 2) {
    other.say(get(id))
    await other.hears(({ type, stream }) => type === Type.DATA && stream === id)
  }
  assert.ok(worker.count < COUNT, 'the others still wait')
  await peer.roundTrip()
  assert.equal(peer.count(Type.GOAWAY), 0)
})

test('calls that are cancelled once their server has them: its connections are closed, and the client goes on', async (t) => {
  let asked = 0
  let gone = 0
  const { worker, peer } = await start(t, (response) => {
    asked++
    response.on('close', () => gone++)
  })
  const CALLS = 2000
  for (let id = 1; id < 2 * CALLS; id += 200) {
    const calls = Array.from({ length: 100 }, (_, i) => id + 2 * i)
    peer.say(...calls.map(get))
    while (asked < (id + 199) / 2) await turn()
    peer.say(...calls.map((call) => reset(call)))
  }
  while (gone < CALLS) await turn()
  assert.ok((await worker.records(CALLS)).every(({ status }) => status === 499))
  assert.deepEqual([peer.count(Type.GOAWAY), peer.count(Type.RST_STREAM)], [0, 0])
})

test('100,000 calls that are cancelled, a hundred at a time: no GOAWAY, and none is refused', async (t) => {
  const { worker, peer } = await start(t, () => {})
  const AT_ONCE = 100
  for (let id = 1; id < 200_000; ) {
    const calls = Array.from({ length: AT_ONCE }, (_, i) => id + 2 * i)
    id += 2 * AT_ONCE
    peer.say(...calls.map((call) => get(call)), ...calls.map((call) => reset(call)))
    await peer.roundTrip()
    assert.equal(peer.count(Type.GOAWAY) + peer.count(Type.RST_STREAM), 0)
    peer.heard.length = 0
  }
  assert.equal(worker.count, 100_000)
})

test('more streams than are allowed are refused, and may be asked for again', async (t) => {
  const waiting: ServerResponse[] = []
  const { worker, peer } = await start(t, (response) => waiting.push(response))
  peer.say(...Array.from({ length: MOST_STREAMS + 10 }, (_, i) => get(2 * i + 1)))
  await peer.roundTrip()
  const refused = peer.heard.filter(({ type }) => type === Type.RST_STREAM)
  assert.equal(refused.length, 10)
  assert.ok(refused.every(({ payload }) => payload.readUInt32BE() === REFUSED_STREAM))
  while (waiting.length < MOST_STREAMS) await turn()
  for (const response of waiting) response.end('here')
  await worker.records(MOST_STREAMS)
  peer.say(get(2 * MOST_STREAMS + 101))
  while (waiting.length <= MOST_STREAMS) await turn()
})

test('a field block without an end is broken off', async (t) => {
  const { peer } = await start(t, (response) => response.end())
  peer.say(frame(Type.HEADERS, END_STREAM, 1, GET))
  const more = Buffer.concat(Array.from({ length: 100 }, () => frame(Type.CONTINUATION, 0, 1, Buffer.alloc(1000))))
  for (let i = 0; i < 100 && !peer.isClosed; i++) {
    peer.socket.write(more)
    await turn()
  }
  assert.equal(await peer.goneAway(), ENHANCE_YOUR_CALM)
})

test('after a connection was broken off, no more is read than an honest client could have sent', async (t) => {
  const { peer } = await start(t, (response) => response.end())
  peer.say(frame(Type.HEADERS, END_STREAM, 1, GET))
  const more = Buffer.concat(Array.from({ length: 1000 }, () => frame(Type.CONTINUATION, 0, 1, Buffer.alloc(16_000))))
  peer.socket.write(more)
  assert.equal(await peer.goneAway(), ENHANCE_YOUR_CALM)
  let read = -1
  for (let still = 0; still < 500; still++) {
    if (peer.accepted.bytesRead !== read) still = 0
    read = peer.accepted.bytesRead
    await turn()
  }
  assert.ok(read <= 1024 * KB, `${read} bytes`)
})

test('a field block of empty frames is broken off', async (t) => {
  const { peer } = await start(t, (response) => response.end())
  peer.say(frame(Type.HEADERS, END_STREAM, 1, GET))
  const more = Buffer.concat(Array.from({ length: 10_000 }, () => frame(Type.CONTINUATION, 0, 1)))
  for (let i = 0; i < 100 && !peer.isClosed; i++) {
    peer.socket.write(more)
    await turn()
  }
  assert.equal(await peer.goneAway(), ENHANCE_YOUR_CALM)
})

/** What must be answered. */
const questions = {
  'PING frames': frame(Type.PING, 0, 0, 'question'),
  'SETTINGS frames': settings({ [INITIAL_WINDOW_SIZE]: 65_535 }),
  'DATA frames for streams that are over': frame(Type.DATA, 0, 1, 'x'),
}

for (const [kind, question] of Object.entries(questions)) {
  test(`${kind} from a client that does not read the answers: not more is read than can be answered`, async (t) => {
    const { peer } = await start(t, (response) => response.end())
    peer.say(get(1))
    await peer.hears(({ stream, flags }) => stream === 1 && (flags & END_STREAM) !== 0)
    peer.socket.pause()
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => question))
    // More than the kernel holds of the questions and of the answers together.
    for (let i = 0; i < 150; i++) peer.socket.write(many)
    const { accepted } = peer
    let read = -1
    for (let still = 0; still < 500; still++) {
      if (accepted.bytesRead !== read) still = 0
      read = accepted.bytesRead
      await turn()
    }
    assert.ok(peer.socket.writableLength > 0, 'the client has to wait')
    assert.ok(accepted.writableLength < 512 * KB, `${accepted.writableLength} bytes of answers wait`)
    // It is served again once it reads.
    peer.socket.resume()
    await peer.roundTrip()
  })
}

test('empty DATA frames cost nothing that stays, and others are served meanwhile', async (t) => {
  const { worker, peer } = await start(t, (response) => response.end('here'))
  const other = await Http2Peer.connect(t, worker)
  peer.say(frame(Type.HEADERS, END_HEADERS, 1, POST))
  const many = Buffer.concat(Array.from({ length: 10_000 }, () => frame(Type.DATA, 0, 1)))
  for (let i = 0; i < 20; i++) peer.socket.write(many)
  peer.say(frame(Type.DATA, END_STREAM, 1))
  let isOver = false
  void peer.roundTrip().finally(() => {
    isOver = true
  })
  let most = 0
  for (let read = peer.accepted.bytesRead; !isOver; read = peer.accepted.bytesRead) {
    other.say(frame(Type.PING, 0, 0, 'question'))
    await turn()
    most = Math.max(most, peer.accepted.bytesRead - read)
  }
  assert.ok(other.count(Type.PING) >= 10, `${other.count(Type.PING)} answers`)
  // One read, and not as many as there are bytes.
  assert.ok(most <= 64 * KB, `${most} bytes in one turn`)
  await peer.hears(({ type, stream }) => type === Type.DATA && stream === 1)
})

test('windows of one byte, opened again and again: what came together is used together', async (t) => {
  const { peer } = await start(t, (response) => response.end(Buffer.alloc(100_000)), { [INITIAL_WINDOW_SIZE]: 1 })
  peer.say(get(1))
  await peer.hears(({ type }) => type === Type.DATA)
  const UPDATES = 20_000
  peer.say(...Array.from({ length: UPDATES }, () => windowUpdate(1, 1)))
  await peer.roundTrip()
  // What is sent at the end of the same turn comes after the answer.
  await peer.roundTrip()
  const pieces = peer.heard.filter(({ type }) => type === Type.DATA)
  const length = pieces.reduce((sum, { payload }) => sum + payload.length, 0)
  assert.equal(length, UPDATES + 1)
  assert.ok(pieces.length < UPDATES / 50, `${pieces.length} frames`)
})

test('windows that stay closed: servers wait, and each stream ends when its time is over', async (t) => {
  const large = Buffer.alloc(10_000_000)
  const { worker, peer } = await start(
    t,
    (response) => response.end(large),
    { [INITIAL_WINDOW_SIZE]: 0 },
    { timeouts: { send: '500ms' } },
  )
  peer.say(...Array.from({ length: MOST_STREAMS }, (_, i) => get(2 * i + 1)))
  while (peer.count(Type.HEADERS) < MOST_STREAMS) await turn()
  const records = await worker.records(MOST_STREAMS)
  // All that is kept of each was read together with its head.
  assert.ok(records.every(({ bytesSent }) => bytesSent <= 40 * KB))
  await peer.roundTrip()
  assert.equal(peer.count(Type.RST_STREAM), MOST_STREAMS)
  // The connection goes on.
  peer.say(settings({ [INITIAL_WINDOW_SIZE]: 65_535 }), get(2 * MOST_STREAMS + 1))
  await peer.hears(({ type, stream }) => type === Type.DATA && stream === 2 * MOST_STREAMS + 1)
})

test('windows that are closed from the start: bodies stay with their servers', async (t) => {
  const { worker, peer } = await start(
    t,
    async (response) => {
      response.flushHeaders()
      await turn()
      response.end(Buffer.alloc(100_000, 'x'))
    },
    { [INITIAL_WINDOW_SIZE]: 0 },
  )
  peer.say(...Array.from({ length: 100 }, (_, i) => get(2 * i + 1)))
  while (peer.count(Type.HEADERS) < 100) await turn()
  await peer.roundTrip()
  for (let i = 0; i < 100; i++) peer.say(windowUpdate(2 * i + 1, 1000), windowUpdate(2 * i + 1, 99_000))
  peer.say(windowUpdate(0, 2 ** 30))
  assert.ok((await worker.records(100)).every(({ status, bytesSent }) => status === 200 && bytesSent === 100_000))
})

for (const size of [0, 1]) {
  test(`windows of ${size} bytes: little of each response is kept`, async (t) => {
    const { worker, peer } = await start(
      t,
      (response) => response.end(Buffer.alloc(1_000_000)),
      { [INITIAL_WINDOW_SIZE]: size },
      { timeouts: { send: '500ms' } },
    )
    peer.say(...Array.from({ length: 100 }, (_, i) => get(2 * i + 1)))
    const records = await worker.records(100)
    const most = Math.max(...records.map(({ bytesSent }) => bytesSent))
    assert.ok(most <= 4 * KB, `${most} bytes`)
  })
}

test('a head that is small only in HPACK is too large', async (t) => {
  const { peer, worker } = await start(t, (response) => response.end())
  const value = Buffer.alloc(3000, 'a')
  // Literal with indexing: a name of one letter, and the value; then its index, over and over.
  const literal = Buffer.concat([
    Buffer.from([0x40, 1, 0x62, 0x7f, ((3000 - 127) & 0x7f) | 0x80, (3000 - 127) >> 7]),
    value,
  ])
  const block = Buffer.concat([GET, literal, Buffer.alloc(12_000, 0xbe)])
  peer.say(frame(Type.HEADERS, END_STREAM | END_HEADERS, 1, block))
  assert.equal((await worker.records(1))[0]!.status, 431)
  await peer.roundTrip()
  assert.equal(peer.count(Type.GOAWAY), 0)
})
