/** Requests on their way through an upstream, without sockets: each is decided, and answered when the test says so. */
import assert from 'node:assert/strict'
import { after } from 'node:test'
import type { ServerState } from '../../src/balancing/server-state.ts'
import { Failure } from '../../src/exchange/failure.ts'
import { Placement } from '../../src/exchange/placement.ts'
import { RequestView } from '../../src/exchange/request-view.ts'
import { ResponseView } from '../../src/exchange/response-view.ts'
import type { ServerStreams } from '../../src/exchange/server-stream.ts'
import { type Ticket, Wait, type Waiter } from '../../src/exchange/ticket.ts'
import { UpstreamGroup } from '../../src/exchange/upstream-group.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import { Deadlines } from '../../src/runtime/deadlines.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'

const LIMITS = { headSize: 8192, headers: 100 }
export const COOKIE: Affinity = {
  type: 'cookie',
  name: 'user',
  secrets: ['a secret of some length'],
  idle: 0,
  maxAge: 0,
  path: '/',
  httpOnly: true,
  sameSite: 'Lax',
  secure: 'auto',
  partitioned: false,
  persistent: false,
  onLost: 'move',
}
export const LEARN: Affinity = {
  type: 'learn',
  from: [{ from: 'header', name: 'x-session' }],
  adopt: false,
  secret: 'another secret',
  idle: 0,
  onLost: 'move',
}
export const BY_HEADER: Affinity = {
  type: 'consistent-hash',
  key: { from: 'header', name: 'x-user' },
  idle: 0,
  onLost: 'move',
}
/** Two servers of one place each. */
export const [A, B, C] = serversWith([
  { name: 'a', maxConnections: 1 },
  { name: 'b', maxConnections: 1 },
  { name: 'c', maxConnections: 1 },
]) as [Upstream['servers'][number], Upstream['servers'][number], Upstream['servers'][number]]
export const APP: Upstream = {
  name: 'app',
  slot: 0,
  balance: { type: 'round-robin' },
  affinity: COOKIE,
  servers: [A, B],
  timeouts: { connect: 0, firstByte: 0, idle: 0, tunnel: 0 },
  retries: { tries: 1, within: 0 },
  keepAlive: { connections: 0, idle: 0, requestsPerConnection: 0, maxAge: 0 },
  queue: { size: 100, timeout: 0 },
}

const streams: ServerStreams = { apply() {}, close() {}, open: () => assert.fail('nothing is sent') }
const deadlines = new Deadlines()
after(() => deadlines.stop())

export function groupOf(
  settings: Upstream,
  sessions = new SessionTable(),
  scoreboard = new Scoreboard(),
  worker = 0,
): UpstreamGroup {
  sessions.apply([settings])
  return new UpstreamGroup(settings, scoreboard, sessions, worker, deadlines, streams)
}

/** One request on its way: where it is, or why it is nowhere. */
export class Travelling implements Waiter {
  readonly placement: Placement
  ticket: Ticket | undefined
  at: ServerState | Failure | undefined
  waited = 0

  constructor(group: UpstreamGroup, fields: Record<string, string> = {}) {
    const head = new RequestHead()
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    assert.ok(head.parse(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines.join('')}\r\n`), 0, LIMITS))
    this.placement = Placement.of(group, new RequestView(head))
    const next = this.placement.next(0)
    if (next instanceof Wait) this.ticket = group.queue.join(this, next)
    else this.at = next
  }

  takeTurn(time: number): Wait | 'done' {
    const next = this.placement.next(time, 'turn')
    if (next instanceof Wait) return next
    this.at = next
    return 'done'
  }

  waitedTooLong(): void {
    assert.fail('no deadline is set')
  }

  /** Its server answers: the fields that the client is given for its session. */
  answer(fields = ''): string {
    const head = new ResponseHead()
    assert.ok(head.parse(Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n`), 0, LIMITS))
    return this.placement.answered(new ResponseView(head), false)
  }

  /** Its server fails: it goes to another, or to none. */
  fail(): void {
    assert.ok(this.at !== undefined && !(this.at instanceof Failure))
    this.at.release()
    const next = this.placement.next(0)
    assert.ok(!(next instanceof Wait))
    this.at = next
  }

  end(): void {
    assert.ok(this.at !== undefined && !(this.at instanceof Failure))
    this.placement.end()
    this.at.release()
    this.at = undefined
  }

  get outcome(): string | undefined {
    const { at } = this
    if (at === undefined) return undefined
    return `${at instanceof Failure ? at.code : at.settings.name}, ${this.placement.reason}`
  }
}

/** The request field of a client whose session is on the server that answers now. */
export function sessionIn(group: UpstreamGroup): { readonly cookie: string; readonly home: string } {
  const first = new Travelling(group)
  const home = first.outcome!.split(',')[0]!
  const cookie = /^Set-Cookie: ([^;]+)/.exec(first.answer())![1]!
  first.end()
  return { cookie, home }
}
