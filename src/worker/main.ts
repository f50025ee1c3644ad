/**
 * A worker thread's entry: listens, and runs a data plane. It sends `WorkerMessage`s to the control plane. It imports
 * only what it needs to serve, so that it starts quickly and stays small.
 */
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { onConnection } from '../downstream/client-socket.ts'
import { AccessLog } from '../observability/access-log.ts'
import { Scoreboard } from '../runtime/scoreboard.ts'
import { SessionTable } from '../runtime/session-table.ts'
import type { Listener } from '../runtime/snapshot.ts'
import { patched, type SnapshotPatch } from '../runtime/snapshot-patch.ts'
import { DataPlane } from './data-plane.ts'
import type { ControlMessage, WorkerMessage, WorkerStart } from './messages.ts'

/** How many connections may wait to be accepted; the system may set a lower limit. */
const BACKLOG = 4096

/** How often the control plane gets the samples of client addresses, in ms. */
const REPORT_EVERY = 5000

// A small buffer that is kept for long, such as the head of a request that became a WebSocket, keeps alive the whole
// slab that Node cut it from, which is 64 kB by default.
Buffer.poolSize = 8 * 1024

const port = parentPort!
const [start] = (await once(port, 'message')) as [WorkerStart]
const { scoreboard, sessions, slot, workers } = start
let { snapshot } = start
const send = (message: WorkerMessage) => port.postMessage(message)

const accessLog = new AccessLog(snapshot.accessLog, {
  take: (batch) => send({ type: 'log', batch }),
  dropped: (lines) => send({ type: 'log-dropped', lines }),
})
const plane = new DataPlane(snapshot, new Scoreboard(scoreboard), new SessionTable(sessions), slot, {
  observers: [accessLog],
  report: (event) => send({ type: 'event', event }),
  stopped() {
    accessLog.stop()
    send({ type: 'stopped' })
    port.close()
  },
})

setInterval(() => {
  const reports = plane.samples()
  if (reports.length > 0) send({ type: 'samples', reports })
}, REPORT_EVERY).unref()

const servers: Server[] = []

async function listen(listener: Listener): Promise<Listener> {
  let place = listener
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  servers.push(server)
  if ('path' in listener) server.listen({ path: listener.path, backlog: BACKLOG })
  else server.listen({ host: listener.address, port: listener.port, reusePort: true, backlog: BACKLOG })
  await once(server, 'listening')
  if ('path' in listener) chmodSync(listener.path, listener.mode)
  onConnection(
    server,
    (socket) => plane.accept(socket, place),
    // ECONNABORTED: the client left before it was accepted, which is no shortage.
    (error) => error.code === 'ECONNABORTED' || plane.shortage(error.code ?? error.message),
  )
  const address = server.address()
  if ('port' in listener && address !== null && typeof address === 'object') place = { ...listener, port: address.port }
  return place
}

/** Workers can share a port but not a Unix socket, so each socket is assigned to one worker, in turn. */
function isMine(listener: Listener): boolean {
  const sockets = snapshot.listeners.filter((each) => 'path' in each)
  return !('path' in listener) || sockets.indexOf(listener) % workers === slot
}

async function listenAll(): Promise<void> {
  const listening: Listener[] = []
  for (const listener of snapshot.listeners) {
    try {
      listening.push(isMine(listener) ? await listen(listener) : listener)
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      return send({ type: 'listen-failed', listener, code, message })
    }
  }
  send({ type: 'listening', listeners: listening })
}

function apply(patch: SnapshotPatch): void {
  snapshot = patched(snapshot, patch)
  accessLog.apply(snapshot.accessLog)
  plane.apply(snapshot)
  send({ type: 'applied', generation: snapshot.generation })
}

port.on('message', (message: ControlMessage) => {
  switch (message.type) {
    case 'apply':
      return apply(message.patch)
    case 'ids-wanted': {
      const { upstream, server } = message
      return send({ type: 'ids', server, ids: plane.idsOn(upstream, server) })
    }
    case 'log-written':
      return accessLog.written(message.memory)
    case 'stop':
      for (const server of servers) server.close()
      return plane.stop()
  }
})

await listenAll()
