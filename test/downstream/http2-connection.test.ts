/** What an HTTP/2 client owes, by when, and how its connection ends: on a clock of the test's own. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import {
  END_HEADERS,
  END_STREAM,
  frame,
  get,
  type HeardFrame,
  Http2Peer,
  POST,
  settings,
  Type,
} from '../support/http2-peer.ts'
import { LocalWorker } from '../support/local-worker.ts'
import { httpOrigin } from '../support/origin.ts'
import { wheel } from '../support/wheel.ts'

const LAST_ID = 2 ** 31 - 1
const NO_ERROR = 0
const INITIAL_WINDOW_SIZE = 4

const isGoAway = ({ type }: HeardFrame) => type === Type.GOAWAY
const isPing = ({ type, flags }: HeardFrame) => type === Type.PING && flags === 0
const isEnd =
  (id: number) =>
  ({ stream, flags, type }: HeardFrame) =>
    stream === id && (type === Type.DATA || type === Type.HEADERS) && (flags & END_STREAM) !== 0

async function start(t: TestContext, respond: (response: ServerResponse) => void, rest: object = {}, values = {}) {
  const { deadlines, pass } = wheel(t)
  const origin = await httpOrigin(t, (_, response) => respond(response))
  const worker = await LocalWorker.start(
    t,
    { routes: [{ path: '/*', upstream: 'app' }], upstreams: { app: { servers: [origin.address] } }, ...rest },
    deadlines,
  )
  return { worker, pass, peer: await Http2Peer.connect(t, worker, values) }
}

/** Stops the worker as the control plane does; resolves once all its connections are gone. */
function end(worker: LocalWorker, ending: 'stop' | 'drain'): Promise<void> {
  worker.context.ending = ending
  return new Promise((resolve) => worker.clients[ending](resolve))
}

test('a connection without a request has the time of a head', async (t) => {
  const { peer, pass } = await start(t, (response) => response.end(), { timeouts: { head: '10s', idle: '60s' } })
  pass(9_000)
  await peer.roundTrip()
  assert.equal(peer.count(Type.GOAWAY), 0)
  pass(2_000)
  assert.equal(await peer.goneAway(), NO_ERROR)
})

test('a connection without a stream has the time of an idle one, whatever else its client sends', async (t) => {
  const { peer, pass } = await start(t, (response) => response.end(), { timeouts: { head: '10s', idle: '60s' } })
  peer.say(get(1))
  await peer.hears(isEnd(1))
  await peer.roundTrip()
  pass(59_000)
  await peer.roundTrip()
  assert.equal(peer.count(Type.GOAWAY), 0)
  pass(2_000)
  const { payload } = await peer.hears(isGoAway)
  assert.deepEqual([payload.readUInt32BE(), payload.readUInt32BE(4)], [1, NO_ERROR])
})

test('a body that stops is answered 408, while another stream goes on', async (t) => {
  const { worker, peer, pass } = await start(t, () => {}, { timeouts: { body: '10s', idle: '60s' } })
  peer.say(frame(Type.HEADERS, END_HEADERS, 1, POST), frame(Type.DATA, 0, 1, 'half'), get(3))
  await peer.roundTrip()
  while (worker.scoreboard.servers.inFlight(0) < 2) await turn()
  await peer.roundTrip()
  pass(11_000)
  await peer.hears(isEnd(1))
  assert.deepEqual(
    (await worker.records(1)).map(({ status }) => status),
    [408],
  )
  await peer.roundTrip()
  assert.equal(worker.count, 1)
})

test('a stop: streams on their way are served, then the last one is named, and the connection ends with it', async (t) => {
  const waiting: ServerResponse[] = []
  const { worker, peer, pass } = await start(t, (response) => waiting.push(response))
  peer.say(get(1))
  while (waiting.length < 1) await turn()
  const gone = end(worker, 'stop')
  const announced = await peer.hears(isGoAway)
  assert.deepEqual([announced.payload.readUInt32BE(), announced.payload.readUInt32BE(4)], [LAST_ID, NO_ERROR])
  const { payload } = await peer.hears(isPing)
  // As from a client that had asked before it knew, and whose answer came first.
  peer.say(frame(Type.PING, 1, 0, payload), get(3))
  while (waiting.length < 2) await turn()
  pass(200)
  await peer.roundTrip()
  assert.equal(peer.heard.findLast(isGoAway)!.payload.readUInt32BE(), 3)
  peer.say(get(5))
  const refused = await peer.hears(({ type, stream }) => type === Type.RST_STREAM && stream === 5)
  assert.equal(refused.payload.readUInt32BE(), 7)
  for (const response of waiting) response.end('here')
  await Promise.all([peer.hears(isEnd(1)), peer.hears(isEnd(3))])
  while (!peer.isClosed) await turn()
  peer.socket.end()
  await gone
})

test('a stop: a client that answers no PING has a second', async (t) => {
  const { worker, peer, pass } = await start(t, (response) => response.end())
  const gone = end(worker, 'stop')
  await peer.hears(isPing)
  pass(1_100)
  while (!peer.isClosed) await turn()
  peer.socket.end()
  await gone
  assert.equal(peer.count(Type.GOAWAY), 2)
})

test('a drain: waits for what is in flight, since a response may begin a session', async (t) => {
  const waiting: ServerResponse[] = []
  const { worker, peer, pass } = await start(t, (response) => waiting.push(response))
  peer.say(get(1))
  while (waiting.length < 1) await turn()
  void end(worker, 'drain')
  pass(4_000)
  await peer.roundTrip()
  assert.equal(peer.count(Type.GOAWAY), 0)
  waiting[0]!.end('here')
  await peer.hears(isGoAway)
})

test('a drain: for at most five seconds', async (t) => {
  const { worker, peer, pass } = await start(t, () => {})
  peer.say(get(1))
  while (worker.scoreboard.servers.inFlight(0) < 1) await turn()
  void end(worker, 'drain')
  pass(6_000)
  await peer.hears(isGoAway)
})

test('a client for which there is no room gets a GOAWAY', async (t) => {
  const { worker, peer } = await start(t, (response) => response.end('here'), { limits: { connectionsPerAddress: 1 } })
  const other = Http2Peer.connect(t, worker)
  await assert.rejects(other, /closed/)
  assert.equal((await worker.records(1))[0]!.status, 503)
  peer.say(get(1))
  await peer.hears(isEnd(1))
})

test('windows may be made negative, and are used once they are open again', async (t) => {
  const { peer } = await start(t, (response) => response.end(Buffer.alloc(100)), {}, { [INITIAL_WINDOW_SIZE]: 60 })
  const length = () => peer.heard.reduce((sum, { type, payload }) => sum + (type === Type.DATA ? payload.length : 0), 0)
  peer.say(get(1))
  await peer.hears(({ type }) => type === Type.DATA)
  peer.say(settings({ [INITIAL_WINDOW_SIZE]: 10 }))
  await peer.roundTrip()
  // 60 were sent, so the window is -50.
  peer.say(settings({ [INITIAL_WINDOW_SIZE]: 60 }))
  await peer.roundTrip()
  assert.equal(length(), 60)
  peer.say(settings({ [INITIAL_WINDOW_SIZE]: 100 }))
  await peer.hears(isEnd(1))
  assert.equal(length(), 100)
})
