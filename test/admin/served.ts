import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { AccessRules } from '../../src/admin/access.ts'
import { AdminListener, type PortPlace } from '../../src/admin/admin-listener.ts'
import { AdminServer } from '../../src/admin/admin-server.ts'
import type { BanOperations } from '../../src/admin/bans.ts'
import type { Approach } from '../../src/admin/gate.ts'
import type { Metrics } from '../../src/admin/metrics.ts'
import { EventRing } from '../../src/control/event-ring.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { LiveTail } from '../../src/control/traffic/live-tail.ts'
import { TrafficSampler } from '../../src/control/traffic/traffic-sampler.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import { Tallies } from '../../src/runtime/tallies.ts'
import { serversWith } from '../balancing/group.ts'
import { RememberedOperations } from './remembered.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Of JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: the test checks the shape.
  readonly body: any
}

/** The admin API on a port, over operations that are remembered and nothing else. */
export interface Served {
  readonly port: number
  readonly operations: RememberedOperations
  readonly events: EventRing
  /** Errors that it did not expect. */
  readonly bugs: unknown[]
  /** Its ends of all connections. */
  readonly accepted: readonly Socket[]
  ask(
    method: string,
    path: string,
    options?: { headers?: Record<string, string>; body?: string | Buffer },
  ): Promise<Answer>
}

/** Who asks a port on loopback without tokens in the configuration: everyone reads, and the token changes. */
export const MACHINE_TOKEN = 'm'.repeat(43)
export const onLoopback: AccessRules = {
  tokens: [{ name: 'admin-token', scope: 'write', value: MACHINE_TOKEN }],
  anyone: { name: 'anyone', scope: 'read' },
  hint: 'see the file',
}

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

interface Options {
  readonly access?: AccessRules
  readonly approach?: Approach
  readonly requestTimeout?: number
  readonly sendTimeout?: number
  readonly events?: EventRing
  /** The folder of a built dashboard. */
  readonly dashboard?: string
}

/** Two servers, web-1 and web-2, in the upstream app, whose sessions are known by a cookie. */
export async function served(test: TestContext, options: Options = {}): Promise<Served> {
  const {
    access = onLoopback,
    approach = { reach: 'loopback', hosts: [] },
    events = new EventRing(),
    ...rest
  } = options
  const servers = serversWith([{ name: 'web-1' }, { name: 'web-2' }])
  const operations = new RememberedOperations(servers.map(({ name, address }) => ({ name, address, weight: 1 })))
  const affinity = { type: 'cookie', idle: 3_600_000 }
  const upstreams = [{ name: 'app', slot: 0, balance: { type: 'round-robin' }, affinity, servers }]
  const subject = {
    version: '1.2.3',
    pid: 1,
    instance: '80',
    startedAt: 0,
    phase: 'serving' as const,
    workers: 1,
    snapshot: { generation: 1, listeners: [], routes: [], upstreams } as unknown as Snapshot,
    scoreboard: new Scoreboard(),
    sessions: new SessionTable(),
    droppedLogLines: 0,
    waitsFor: undefined,
    certificates: [],
    sources: [],
    warnings: () => [],
    causeOf: () => undefined,
  }
  subject.sessions.apply(subject.snapshot.upstreams)
  const { snapshot, scoreboard, sessions } = subject
  const slots = new SlotBook()
  slots.adopt(snapshot)
  const traffic = new TrafficSampler({ tallies: new Tallies(), scoreboard, sessions, slots, snapshot: () => snapshot })
  traffic.start()
  test.after(() => traffic.close())
  const tail = new LiveTail(() => {})
  test.after(() => tail.close())
  const administered = {
    subject,
    operations,
    planning: operations,
    bans: NO_BANS,
    events,
    traffic,
    tail,
    metrics: NO_METRICS,
  }
  const bugs: unknown[] = []
  const report = (bug: unknown) => void bugs.push(bug)
  const accepted: Socket[] = []
  class WatchedServer extends AdminServer {
    override accept(socket: Socket): void {
      accepted.push(socket)
      super.accept(socket)
    }
  }
  const load = async () => new WatchedServer(administered, { approach, access, report, ...rest })
  const listener = await AdminListener.start({ address: '127.0.0.1', port: 0 }, load)
  test.after(() => listener.close())
  const { port } = listener.place as PortPlace
  return { port, operations, events, bugs, accepted, ask: (method, path, message) => ask(port, method, path, message) }
}

/** Nobody is banned, or can be. */
export const NO_BANS: BanOperations = {
  all: () => [],
  ban: () => Promise.reject(new Error('nobody can be banned')),
  lift: () => Promise.reject(new Error('nobody can be banned')),
}

/** Nothing was counted. */
export const NO_METRICS: Metrics = { write: async () => [] }

async function ask(
  port: number,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  const type =
    body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  const sent = request({ port, method, path, headers: { ...type, ...headers }, agent: false })
  sent.end(body)
  const [response] = await once(sent, 'response')
  // What is left of a body that was refused may not arrive any more.
  sent.on('error', () => {})
  const content = await text(response)
  const isJson = /json/.test(response.headers['content-type'] ?? '') && content !== ''
  return {
    status: response.statusCode!,
    headers: response.headers,
    text: content,
    body: isJson ? JSON.parse(content) : undefined,
  }
}
