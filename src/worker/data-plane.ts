import { Arrival } from '../downstream/arrival.ts'
import { ClientConnection } from '../downstream/client-connection.ts'
import type { ClientSocket } from '../downstream/client-socket.ts'
import { Failure } from '../exchange/failure.ts'
import { RequestView } from '../exchange/request-view.ts'
import { ResponseView } from '../exchange/response-view.ts'
import { forwardingChain, saysSecure } from '../forwarding/forwarding-chain.ts'
import { TrustedProxies } from '../forwarding/trusted-proxies.ts'
import { CookieNames } from '../http1/cookie-names.ts'
import { RequestHead } from '../http1/request-head.ts'
import { ResponseHead } from '../http1/response-head.ts'
import { cookieSetAmong } from '../http1/set-cookie.ts'
import type { AccessLog } from '../observability/access-log.ts'
import { OccasionalNotice, OccasionalNotices } from '../observability/occasional-notice.ts'
import { Router } from '../routing/router.ts'
import { now } from '../runtime/clock.ts'
import { Deadlines } from '../runtime/deadlines.ts'
import { UNIX_ADDRESS } from '../runtime/ip-address.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import { openFileLimit } from '../runtime/shortage.ts'
import type { Listener, Server, Snapshot, Upstream } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import { type Ends, endsOf } from '../transport/ends.ts'
import { Scratch } from '../transport/scratch.ts'
import { UpstreamGroup } from '../upstream/upstream-group.ts'

/** Who is told what happens in a data plane. */
export interface DataPlaneEvents {
  report(event: WorkerEvent): void
  /** Every client has been served, after `stop`. */
  stopped(): void
}

const xForwarded = forwardingChain('x-forwarded-for')

/** The data plane of one worker: what its connections and exchanges share. */
export class DataPlane {
  readonly snapshot: Snapshot
  readonly router: Router
  readonly groups: readonly UpstreamGroup[]
  /** Absent where nobody is trusted. */
  readonly trustedProxies: TrustedProxies | undefined
  /** Names of the cookies by which users are known here; no server gets to see them. */
  readonly ownCookies: CookieNames
  readonly accessLog: AccessLog
  readonly events: DataPlaneEvents
  readonly deadlines = new Deadlines()
  /** Where heads are read; what they say holds until the next one is. */
  readonly requestHead = new RequestHead()
  readonly responseHead = new ResponseHead()
  readonly scratch = new Scratch()
  /** The request in `requestHead`. */
  readonly request = new RequestView(this.requestHead)
  /** The response in `responseHead`. */
  readonly response = new ResponseView(this.responseHead)
  stopping = false
  readonly #scoreboard: Scoreboard
  readonly #worker: number
  readonly #connections = new Set<ClientConnection | Arrival>()
  readonly #refusals = new OccasionalNotice()
  readonly #shortages = new OccasionalNotices()
  /** From this file descriptor on, what is left is kept for connections to servers. */
  readonly #fullFrom = fullFrom(openFileLimit())
  readonly #ownCookiesSet = new OccasionalNotices()
  readonly #ignoredSchemes = new OccasionalNotice()

  constructor(
    snapshot: Snapshot,
    scoreboard: Scoreboard,
    sessions: SessionTable,
    worker: number,
    accessLog: AccessLog,
    events: DataPlaneEvents,
  ) {
    this.snapshot = snapshot
    this.#scoreboard = scoreboard
    this.#worker = worker
    this.accessLog = accessLog
    this.events = events
    sessions.heed(snapshot.upstreams)
    this.trustedProxies = TrustedProxies.of(snapshot)
    this.ownCookies = ownCookiesOf(snapshot)
    this.router = new Router(snapshot.routes)
    this.groups = snapshot.upstreams.map(
      (upstream) => new UpstreamGroup(upstream, scoreboard, sessions, worker, this.deadlines),
    )
  }

  /** Serves a client that has just connected, or turns it away where there are too many. */
  accept(socket: ClientSocket, listener: Listener): void {
    const { proxyProtocol } = listener
    const isShort = (socket.descriptor ?? 0) >= this.#fullFrom
    if (isShort) this.meetShortage('EMFILE')
    if (proxyProtocol && this.#hasRoom && !isShort) this.#enter(new Arrival(socket, listener, this))
    else this.#admit(new ClientConnection(socket, endsOf(socket, listener), this), !proxyProtocol && !isShort)
  }

  /** Reports what this process or machine ran short of: a shortage is met by many requests at once. */
  meetShortage(code: string): void {
    const count = this.#shortages.due(code, now())
    if (count > 0) this.events.report({ type: 'shortage', code, count })
  }

  get #hasRoom(): boolean {
    const { connections } = this.snapshot.limits
    return connections === 0 || this.#scoreboard.connections() < connections
  }

  /** It is known now whose connection has arrived. `rest` is what came after the PROXY header. */
  introduce(arrival: Arrival, ends: Ends, rest: Buffer): void {
    this.#exit(arrival)
    const client = new ClientConnection(arrival.socket, ends, this)
    this.#admit(client)
    if (rest.length > 0) client.whenRead(rest)
  }

  /** Tells of a connection that was closed since it is not known whose it was. */
  refuse({ listener, ends }: Arrival, cause: string): void {
    const count = this.#refusals.due(now())
    if (count === 0) return
    this.events.report({ type: 'connection-refused', listener, address: ends.source.address.text, cause, count })
  }

  /** Tells if the response that was just read sets a cookie whose name is Limpet's own, which that server never gets back. */
  watchOwnCookies(upstream: Upstream, server: Server): void {
    if (this.ownCookies.isEmpty) return
    const cookie = cookieSetAmong(this.responseHead, this.ownCookies)
    if (cookie !== undefined && this.#ownCookiesSet.due(cookie, now()) > 0)
      this.events.report({ type: 'own-cookie-set', upstream: upstream.name, server: server.name, cookie })
  }

  /** Notices where the request in `requestHead` claims to have come by HTTPS, and its peer is not trusted to say so. */
  noticeScheme({ source, isSecure }: Ends): void {
    if (isSecure || saysSecure(xForwarded, this.requestHead) !== true) return
    const count = this.#ignoredSchemes.due(now())
    if (count > 0) this.events.report({ type: 'scheme-ignored', address: source.address.text, count })
  }

  /** @param hasRoom false where it is known that there is none */
  #admit(client: ClientConnection, hasRoom = true): void {
    this.#enter(client)
    const { octets } = client.peer
    const { connections, connectionsPerAddress } = this.snapshot.limits
    if (!hasRoom || (connections > 0 && this.#scoreboard.connections() > connections)) {
      client.turnAway(new Failure('too-many-connections', 'in all'))
    } else if (client.trustedPeer !== undefined || client.peer === UNIX_ADDRESS) {
      // A proxy has as many connections as its clients need, and a Unix socket is no address.
      return
    } else if (connectionsPerAddress > 0 && this.#scoreboard.connectionsFrom(octets) > connectionsPerAddress) {
      client.turnAway(new Failure('too-many-connections', 'from this address'))
    }
  }

  forget(connection: ClientConnection | Arrival): void {
    this.#exit(connection)
    this.#endIfIdle()
  }

  #enter(connection: ClientConnection | Arrival): void {
    this.#connections.add(connection)
    this.#scoreboard.countConnection(this.#worker, connection.peer.octets, 1)
  }

  #exit(connection: ClientConnection | Arrival): void {
    this.#connections.delete(connection)
    this.#scoreboard.countConnection(this.#worker, connection.peer.octets, -1)
  }

  /** Lets exchanges in flight finish and closes everything else; `events.stopped` follows. */
  stop(): void {
    this.stopping = true
    for (const connection of this.#connections) connection.stop()
    this.#endIfIdle()
  }

  #endIfIdle(): void {
    if (!this.stopping || this.#connections.size > 0) return
    for (const group of this.groups) group.closeIdle()
    this.deadlines.stop()
    this.events.stopped()
  }
}

/** A part of the files that may be open, kept for servers: without them those clients that were let in got no answer. */
function fullFrom(limit: number): number {
  return limit - Math.min(256, Math.max(8, Math.floor(limit / 8)))
}

function ownCookiesOf({ upstreams }: Snapshot): CookieNames {
  const names = upstreams.flatMap(({ affinity }) =>
    affinity?.type === 'cookie' ? [affinity.name, affinity.formerName ?? []].flat() : [],
  )
  return new CookieNames(names)
}
