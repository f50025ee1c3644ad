import { setTimeout as sleep } from 'node:timers/promises'
import { accessTo } from '../../health/access.ts'
import type { OwnRequest } from '../../health/own-message.ts'
import type { Log } from '../../observability/log.ts'
import { OccasionalNotice } from '../../observability/occasional-notice.ts'
import { now, wallSeconds } from '../../runtime/clock.ts'
import type { KnownId } from '../../runtime/known-id.ts'
import type { SessionTable } from '../../runtime/session-table.ts'
import type { Server, Upstream } from '../../runtime/snapshot.ts'

/** How long to wait before the workers are asked for more ids, in ms. */
const PAUSE = 1000
/** The time between two questions, in ms. */
const BETWEEN = 100
/** How long it takes until a session is asked about again, in ms. */
const AGAIN = 60_000
/** How long a server may take to answer, in ms. */
const PATIENCE = 2000
/** How many ids may wait for their questions: those of about half a minute. */
const MOST_WAITING = 256

/** What an inquiry needs of the control plane. */
export interface InquiryOwner {
  readonly sessions: SessionTable
  readonly log: Log
  /** Asks all workers for ids of sessions on that server, which are then passed to `add`. */
  wantIds(upstream: string, server: number): void
}

/**
 * Asks one server that drains whether its learnt sessions are still alive: one question at a time, at most ten a second,
 * and one a minute about a session. A session is over if the answer is 404 or 410; everything else, an error and no
 * answer count as alive.
 */
export class ServerInquiry {
  readonly #owner: InquiryOwner
  readonly #path: string
  #upstream: Upstream
  #server: Server
  #waiting: KnownId[] = []
  /** When each session was last asked about, by its id in the table, the earliest first. */
  readonly #askedAt = new Map<string, number>()
  readonly #stopping = new AbortController()
  readonly #notice = new OccasionalNotice()

  constructor(owner: InquiryOwner, path: string, upstream: Upstream, server: Server) {
    this.#owner = owner
    this.#path = path
    this.#upstream = upstream
    this.#server = server
    void this.#run()
  }

  /** Takes over other settings of the same server. */
  apply(upstream: Upstream, server: Server): void {
    this.#upstream = upstream
    this.#server = server
  }

  /** Ids of some of its sessions. */
  add(ids: readonly KnownId[]): void {
    const isNew = (id: KnownId) => this.#isDue(id) && !this.#waiting.some((other) => keyOf(other) === keyOf(id))
    this.#waiting.push(...ids.filter(isNew).slice(0, MOST_WAITING - this.#waiting.length))
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#forgetOld()
      const id = this.#waiting.shift()
      if (id === undefined) this.#owner.wantIds(this.#upstream.name, this.#server.slot)
      else if (!this.#isHere(id)) continue
      else await this.#ask(id)
      await sleep(id === undefined ? PAUSE : BETWEEN, undefined, { signal, ref: false }).catch(ignore)
    }
  }

  async #ask(id: KnownId): Promise<void> {
    this.#askedAt.set(keyOf(id), now())
    const status = await this.#statusFor(id)
    // Meanwhile it may have moved, or the server may not be asked any more.
    if ((status !== 404 && status !== 410) || this.#stopping.signal.aborted || !this.#isHere(id)) return
    this.#owner.sessions.remove(id.high, id.low)
    const count = this.#notice.due(now())
    if (count === 0) return
    const what = count === 1 ? 'a session is over' : `${count} sessions are over`
    const [upstream, server] = [this.#upstream.name, this.#server.name]
    this.#owner.log.info(`upstream ${upstream}: server ${server} says that ${what} (${this.#path})`, {
      event: 'sessions-over',
      upstream,
      server,
      count,
    })
  }

  /** The status of the answer; undefined for none. */
  async #statusFor(id: KnownId): Promise<number | undefined> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(PATIENCE)])
    const access = accessTo(this.#upstream, this.#server)
    // node:http is large, and is loaded only when it is needed.
    const { sendOwnRequest } = await import('../../health/own-request.ts')
    const request = questionAbout(id, this.#path)
    return sendOwnRequest(request, access, signal, ({ status }) => status).catch(() => undefined)
  }

  #isDue(id: KnownId): boolean {
    return !this.#askedAt.has(keyOf(id))
  }

  #isHere({ high, low }: KnownId): boolean {
    return this.#owner.sessions.find(high, low, wallSeconds()) === this.#server.slot
  }

  #forgetOld(): void {
    for (const [key, askedAt] of this.#askedAt) {
      if (now() - askedAt < AGAIN) return
      this.#askedAt.delete(key)
    }
  }
}

function keyOf({ high, low }: KnownId): string {
  return `${high} ${low}`
}

/** The request with the id where clients show it. */
export function questionAbout({ value, place }: KnownId, path: string): OwnRequest {
  const headers = { 'user-agent': 'limpet-ask' }
  switch (place.from) {
    case 'cookie':
      return { method: 'GET', path, headers: { ...headers, cookie: `${place.name}=${value}` } }
    case 'header':
      return { method: 'GET', path, headers: { ...headers, [place.name]: value } }
    case 'query': {
      const join = path.includes('?') ? '&' : '?'
      return { method: 'GET', path: `${path}${join}${escaped(place.name)}=${escaped(value)}`, headers }
    }
  }
}

/** Percent-encodes all but unreserved characters (RFC 3986 §2.3). @param bytes one character for each byte */
function escaped(bytes: string): string {
  return bytes.replace(/[^\w.~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function ignore(): void {}
