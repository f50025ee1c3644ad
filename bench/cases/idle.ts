import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectSecurely } from 'node:tls'
import type { Case, Load, Reading, Stage } from '../case.ts'
import { SMALL_ANSWER } from '../origin.ts'
import { browserHeaders } from '../request-headers.ts'
import { wrk } from '../wrk.ts'
import { IN_TURN, labSite, likes } from './lab.ts'

const MAX_COUNT = 10_000
/** An upper bound for the files that a process opens besides these connections. */
const OTHER_FILES = 1000
const AT_ONCE = 100
/** Time for timers and garbage collection to finish, in ms. */
const REST = 2000

export const idleCount = Math.min(MAX_COUNT, openFilesLimit() - OTHER_FILES)
/** Holds connections open that have had one response. */
export function holdIdle(protocol: 'http' | 'https'): Load {
  const warmUp = wrk({ paths: [IN_TURN], protocol })
  return { probe: warmUp.probe, run: (stage) => hold(stage, warmUp, protocol) }
}

async function hold(stage: Stage, warmUp: Load, protocol: 'http' | 'https'): Promise<Reading> {
  if (stage.proxy === undefined) return { sample: {}, errors: ['memory is measured on Linux only'] }
  // Lets the proxy grow to the size that it has under load.
  const { errors } = await warmUp.run({ ...stage, seconds: stage.warmUp, warmUp: 0 })
  await delay(REST)
  const before = stage.proxy.resident()
  const sockets: Socket[] = []
  try {
    while (sockets.length < idleCount) {
      const several = Math.min(AT_ONCE, idleCount - sockets.length)
      sockets.push(...(await Promise.all(Array.from({ length: several }, () => askOnce(stage.port, protocol)))))
    }
    await delay(REST)
    const connection = (stage.proxy.resident() - before) / idleCount
    const closed = sockets.filter((socket) => socket.readableEnded || socket.destroyed).length
    const sample = { connection, memory: stage.proxy.memory().proportional }
    return { sample, errors: closed === 0 ? errors : [...errors, `${closed} of ${idleCount} connections were closed`] }
  } finally {
    for (const socket of sockets) protocol === 'http' ? socket.resetAndDestroy() : socket.destroy()
  }
}

export const idle: Case = {
  name: 'idle',
  title: `${idleCount.toLocaleString('en')} idle connections, each after one request`,
  peers: likes,
  metrics: ['connection', 'memory'],
  variants: [{ name: '', site: labSite, load: holdIdle('http') }],
  duration: () => 10,
}

/** Opens a connection, and waits for a complete response to one request. */
async function askOnce(port: number, protocol: 'http' | 'https'): Promise<Socket> {
  const place = { port, host: '127.0.0.1' }
  const socket = protocol === 'http' ? connect(place) : connectSecurely({ ...place, rejectUnauthorized: false })
  socket.on('error', () => socket.destroy())
  const headers = Object.entries({ Host: `127.0.0.1:${port}`, ...browserHeaders })
  socket.write(`GET ${IN_TURN} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  let heard = ''
  while (!heard.endsWith(SMALL_ANSWER)) {
    const [bytes] = (await Promise.race([once(socket, 'data'), closing(socket)])) as [Buffer]
    heard += bytes.toString()
  }
  return socket
}

async function closing(socket: Socket): Promise<never> {
  await once(socket, 'close')
  throw new Error('a connection was closed before its answer')
}

/** The limit of open files. Node raises it to the maximum that the system allows, for itself and its child processes. */
function openFilesLimit(): number {
  try {
    const [, limit] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
