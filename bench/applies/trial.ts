import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { Agent, createServer, get, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'
import { freePort } from '../free-port.ts'
import { ProcessTree } from '../process-tree.ts'
import { Program } from '../program.ts'

/** How large a trial is. */
export interface Size {
  readonly routes: number
  readonly webSockets: number
  readonly applies: number
  /** Over which time they are spread, in s. The same time is measured without applies. */
  readonly seconds: number
  /** How long clients ask before anything is measured, in s. */
  readonly warmUp: number
}

/** What clients saw for a while. They never try again. */
export interface Service {
  readonly requests: number
  readonly failed: number
  /** ms */
  readonly p50: number
  readonly p99: number
  /** How many more requests the busiest server of three got than the idlest; more than one is no round robin. */
  readonly spread: number
}

export interface Outcome {
  readonly without: Service
  readonly during: Service
  /** While the whole file is applied again and again, with one route more or less. */
  readonly duringReloads: Service
  /** The longest reload, in ms. */
  readonly slowestReload: number
  readonly applied: number
  /** The longest apply, in ms. */
  readonly slowestApply: number
  /** WebSockets that were closed, or that did not answer at the end. */
  readonly lostWebSockets: number
  /** Anonymous memory of Limpet before and after, in bytes. */
  readonly memoryBefore: number
  readonly memoryAfter: number
}

const LIMPET = fileURLToPath(new URL('../../bin/limpet.js', import.meta.url))
/** Clients that ask one request after the other. */
const CLIENTS = 16
/** So many times is the whole file applied. */
const RELOADS = 5
/** The servers of the upstream that no apply touches. */
const UNTOUCHED = ['a', 'b', 'c'] as const
const UPSTREAMS = 100
/** Opened at a time. */
const OPENING = 50

/** Applies many small changes through the admin API while clients send requests, and counts what they lose. */
export async function applyUnderLoad(size: Size, folder: string): Promise<Outcome> {
  await mkdir(folder, { recursive: true })
  const origins = await Promise.all(UNTOUCHED.map(startOrigin))
  const port = await freePort()
  const socketPath = join(folder, 'admin.sock')
  const file = join(folder, 'limpet.json')
  const config = configOf(size, port, folder, socketPath, origins)
  await writeFile(file, JSON.stringify(config))
  const args = [LIMPET, 'run', '-c', file]
  const limpet = Program.start({ command: process.execPath, args, env: { NODE_OPTIONS: '' } }, [], join(folder, 'log'))
  try {
    await limpet.listening(port)
    const webSockets = await openWebSockets(port, size.webSockets)
    await serve(port, delay(size.warmUp * 1000))
    const without = await serve(port, delay(size.seconds * 1000))
    const tree = new ProcessTree(limpet.pid)
    const memoryBefore = tree.memory().anonymous
    const applies = applyAll(socketPath, size)
    const during = await serve(port, applies)
    const { applied, slowest } = await applies
    const reloads = reloadAll(socketPath, file, config)
    const duringReloads = await serve(port, reloads)
    const lostWebSockets = await countLost(webSockets)
    const memoryAfter = tree.memory().anonymous
    for (const socket of webSockets) socket.terminate()
    const slowestReload = await reloads
    return {
      without,
      during,
      duringReloads,
      slowestReload,
      applied,
      slowestApply: slowest,
      lostWebSockets,
      memoryBefore,
      memoryAfter,
    }
  } finally {
    await limpet.stop()
    for (const { close } of origins) close()
  }
}

async function startOrigin(name: string): Promise<{ readonly address: string; readonly close: () => void }> {
  const server = createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end(name))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { address: `127.0.0.1:${port}`, close }
}

function configOf(
  { routes, webSockets }: Size,
  port: number,
  folder: string,
  socket: string,
  origins: readonly { address: string }[],
) {
  const servers = origins.map(({ address }, index) => ({ name: UNTOUCHED[index], address }))
  const other = (index: number) => [`other-${index}`, { servers }] as const
  return {
    listeners: [{ address: '127.0.0.1', port }],
    workers: 2,
    limits: { connections: 2 * webSockets + 1000, connectionsPerAddress: 0 },
    stateDirectory: join(folder, 'state'),
    admin: { socket },
    accessLog: 'off',
    routes: [
      ...Array.from({ length: routes }, (_, index) => ({
        path: `/route-${index}/*`,
        upstream: `other-${index % UPSTREAMS}`,
      })),
      { path: '/socket', upstream: 'sockets' },
      { path: '/*', upstream: 'app' },
    ],
    upstreams: {
      app: { servers },
      sockets: { servers },
      ...Object.fromEntries(Array.from({ length: Math.min(UPSTREAMS, routes) }, (_, index) => other(index))),
    },
  }
}

async function openWebSockets(port: number, count: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(OPENING, count - sockets.length) }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`)
      await once(socket, 'open')
      return socket
    })
    sockets.push(...(await Promise.all(some)))
  }
  return sockets
}

/** How many do not echo a message. */
async function countLost(sockets: readonly WebSocket[]): Promise<number> {
  const echoed = sockets.map(async (socket) => {
    if (socket.readyState !== WebSocket.OPEN) return false
    socket.send('still there?')
    return Promise.race([once(socket, 'message').then(() => true), once(socket, 'close').then(() => false)])
  })
  return (await Promise.all(echoed)).filter((isThere) => !isThere).length
}

/** Clients ask until then, half of them on a connection for each request. */
async function serve(port: number, until: Promise<unknown>): Promise<Service> {
  const agent = new Agent({ keepAlive: true })
  const latencies: number[] = []
  const served = new Map<string, number>(UNTOUCHED.map((name) => [name, 0]))
  let failed = 0
  let isOver = false
  const over = until.finally(() => {
    isOver = true
  })
  const client = async (index: number) => {
    while (!isOver) {
      const begin = performance.now()
      const server = await ask(port, index % 2 === 0 ? agent : undefined)
      latencies.push(performance.now() - begin)
      if (server === undefined) failed++
      else served.set(server, (served.get(server) ?? 0) + 1)
    }
  }
  await Promise.all([over, ...Array.from({ length: CLIENTS }, (_, index) => client(index))])
  agent.destroy()
  const counts = [...served.values()]
  const sorted = latencies.toSorted((one, other) => one - other)
  const quantile = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
  return {
    requests: latencies.length,
    failed,
    p50: quantile(0.5),
    p99: quantile(0.99),
    spread: Math.max(...counts) - Math.min(...counts),
  }
}

/** The server that has answered; undefined if the request failed. */
async function ask(port: number, agent: Agent | undefined): Promise<string | undefined> {
  try {
    const asked = get({ host: '127.0.0.1', port, path: '/', agent: agent ?? false })
    const [response] = await once(asked, 'response')
    const body = (await response.setEncoding('utf8').toArray()).join('')
    return response.statusCode === 200 ? body : undefined
  } catch {
    return undefined
  }
}

/** Changes the weight of one server after the other, in upstreams that no client asks for. */
async function applyAll(socketPath: string, { applies, seconds }: Size): Promise<{ applied: number; slowest: number }> {
  const begin = performance.now()
  let applied = 0
  let slowest = 0
  for (let index = 0; index < applies; index++) {
    await delay(Math.max(0, begin + (index * seconds * 1000) / applies - performance.now()))
    const asked = performance.now()
    // Another one than the server has.
    const weight = 2 + (Math.floor(index / UPSTREAMS) % 7)
    const path = `/v1/upstreams/other-${index % UPSTREAMS}/servers/${UNTOUCHED[index % UNTOUCHED.length]}`
    if (await change(socketPath, 'PATCH', path, { weight })) applied++
    slowest = Math.max(slowest, performance.now() - asked)
  }
  return { applied, slowest }
}

/** Applies the whole file several times, with one route less each time; resolves to the longest time that one took, in ms. */
async function reloadAll(socketPath: string, file: string, config: ReturnType<typeof configOf>): Promise<number> {
  let slowest = 0
  for (let reload = 1; reload <= RELOADS; reload++) {
    await writeFile(file, JSON.stringify({ ...config, routes: config.routes.slice(reload) }))
    const asked = performance.now()
    const isChange = await change(socketPath, 'POST', '/v1/reload')
    if (!isChange) throw new Error('the file was not applied')
    slowest = Math.max(slowest, performance.now() - asked)
  }
  return slowest
}

/** Whether it was applied, and was a change. */
async function change(socketPath: string, method: string, path: string, body?: object): Promise<boolean> {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const asked = request({ socketPath, path, method, headers })
  asked.end(body && JSON.stringify(body))
  const [response] = await once(asked, 'response')
  const answer = (await response.setEncoding('utf8').toArray()).join('')
  if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`)
  return JSON.parse(answer).changes.length > 0
}
