/**
 * A worker thread's entry: listens, and runs a data plane. It sends `WorkerMessage`s to the control plane. It imports
 * only what it needs to serve, so that it starts quickly and stays small.
 */
import { once } from 'node:events'
import { parentPort } from 'node:worker_threads'
import { AccessLog } from '../observability/access-log.ts'
import { KeyedLimits } from '../runtime/keyed-limits.ts'
import { Scoreboard } from '../runtime/scoreboard.ts'
import { SessionTable } from '../runtime/session-table.ts'
import { patched, type SnapshotPatch } from '../runtime/snapshot-patch.ts'
import { Tally } from '../runtime/tally.ts'
import { ConnectionTally } from './connection-tally.ts'
import { DataPlane, type DataPlaneOwner } from './data-plane.ts'
import { ExchangeTally } from './exchange-tally.ts'
import { type ListenFailure, ListeningSockets } from './listening-sockets.ts'
import { measureLoopDelay } from './loop-delay.ts'
import type { ControlMessage, OpenSocket, WorkerMessage, WorkerStart } from './messages.ts'
import { RequestSampler } from './request-sampler.ts'
import { SpanRecorder } from './span-recorder.ts'

/** How often the control plane gets the samples of client addresses, in ms. */
const REPORT_EVERY = 5000

// A small buffer that is kept for long, such as the head of a request that became a WebSocket, keeps alive the whole
// slab that Node cut it from, which is 64 kB by default.
Buffer.poolSize = 8 * 1024

const port = parentPort!
const [start] = (await once(port, 'message')) as [WorkerStart]
const { scoreboard, sessions, slot } = start
const tally = new Tally(start.tally)
let { snapshot } = start
const send = (message: WorkerMessage) => port.postMessage(message)

const accessLog = new AccessLog(snapshot.accessLog, {
  take: (batch) => send({ type: 'log', batch }),
  dropped: (lines) => send({ type: 'log-dropped', lines }),
})
const requestSampler = new RequestSampler(snapshot, (requests) => send({ type: 'requests', requests }))
const spans = new SpanRecorder(snapshot, {
  take: (ended, dropped) => send({ type: 'spans', spans: ended, dropped }),
})
const owner: DataPlaneOwner = {
  observers: [accessLog, new ExchangeTally(tally), requestSampler, spans],
  connections: new ConnectionTally(tally),
  report: (event) => send({ type: 'event', event }),
  stopped() {
    accessLog.stop()
    spans.stop()
    send({ type: 'stopped' })
    port.close()
  },
}
const limits = new KeyedLimits(start.keyedLimits, slot)
const plane = new DataPlane(snapshot, new Scoreboard(scoreboard), new SessionTable(sessions), slot, owner, limits)

setInterval(() => {
  const reports = plane.samples()
  if (reports.length > 0) send({ type: 'samples', reports })
}, REPORT_EVERY).unref()

measureLoopDelay(tally)
plane.answerChallenges(start.challenges)
plane.changeBans({ added: start.bans, lifted: [] })
const sockets = new ListeningSockets(plane)

/** What changes the sockets runs one after the other, and answers in that order. */
let changing: Promise<unknown> = Promise.resolve()

function change(step: () => Promise<readonly OpenSocket[]>): void {
  changing = changing.then(step).then(
    (opened) => send({ type: 'listening', sockets: opened }),
    ({ listener, code, message }: ListenFailure) => send({ type: 'listen-failed', listener, code, message }),
  )
}

function apply(patch: SnapshotPatch): void {
  snapshot = patched(snapshot, patch)
  accessLog.apply(snapshot.accessLog)
  requestSampler.apply(snapshot)
  spans.apply(snapshot)
  const { generation, listeners } = snapshot
  plane.apply(snapshot, () => {
    // Not before: they name certificates of this Snapshot.
    sockets.apply(listeners)
    send({ type: 'applied', generation })
  })
}

port.on('message', (message: ControlMessage) => {
  switch (message.type) {
    case 'apply':
      return apply(message.patch)
    case 'ids-wanted': {
      const { upstream, server } = message
      return send({ type: 'ids', server, ids: plane.idsOn(upstream, server) })
    }
    case 'close-tunnels':
      return plane.closeTunnels(message.server, message.spread)
    case 'answer-challenges':
      plane.answerChallenges(message.answers)
      return send({ type: 'done', number: message.number })
    case 'change-bans':
      plane.changeBans(message.change)
      return send({ type: 'done', number: message.number })
    case 'demand-settled':
      return plane.settleDemand(message.host)
    case 'keys-settled':
      return plane.settleKeys(message.url)
    case 'watch-requests':
      return requestSampler.watch(message.watches)
    case 'requests-taken':
      return requestSampler.taken()
    case 'log-written':
      return accessLog.written(message.memory)
    case 'spans-taken':
      return spans.taken()
    case 'listen':
      return change(() => sockets.open(message.sockets))
    case 'take-over':
      return change(() => sockets.takeOver(message.id, message.listener, message.from))
    case 'hand-over':
      return sockets.handOver(message.id, message.to)
    case 'close-sockets':
      return change(() => sockets.closeEmpty(message.ids))
    case 'drain':
      return void sockets.end().then(() => plane.drain())
    case 'stop':
      sockets.close()
      return plane.stop()
  }
})

change(() => sockets.open(start.sockets))
