import type { ClientSocket } from '../downstream/client-socket.ts'
import { Clients } from '../downstream/clients.ts'
import type { Entrance } from '../downstream/entrance.ts'
import { Generation } from '../exchange/generation.ts'
import { UpstreamGroup } from '../exchange/upstream-group.ts'
import { WorkerContext } from '../exchange/worker-context.ts'
import { RouteFilters } from '../filters/registry.ts'
import type { ConnectionObserver } from '../observability/connection-observer.ts'
import type { ExchangeObserver } from '../observability/exchange-record.ts'
import { Notices } from '../observability/notices.ts'
import { Router } from '../routing/router.ts'
import type { BanChange } from '../runtime/ban-list.ts'
import type { ChallengeAnswers } from '../runtime/challenge-answers.ts'
import { wallSeconds } from '../runtime/clock.ts'
import type { KeyedLimits } from '../runtime/keyed-limits.ts'
import type { KnownId } from '../runtime/known-id.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import { Background, type Slices } from '../runtime/slices.ts'
import type { Snapshot, Upstream } from '../runtime/snapshot.ts'
import type { WorkerEvent } from '../runtime/worker-event.ts'
import type { SampleReport } from '../skew/address-sample.ts'
import { ServerConnections } from '../upstream/server-connections.ts'
import { Wanted } from './wanted.ts'
import { WantedCertificates } from './wanted-certificates.ts'

/** Notified of what happens in a data plane. */
export interface DataPlaneOwner {
  readonly observers: readonly ExchangeObserver[]
  readonly connections?: ConnectionObserver
  report(event: WorkerEvent): void
  /** After `stop` or `drain`: all client connections are closed. */
  stopped(): void
}

/** The data plane of one worker. */
export class DataPlane {
  readonly #context: WorkerContext
  readonly #filters: RouteFilters
  readonly #clients: Clients
  readonly #scoreboard: Scoreboard
  readonly #sessions: SessionTable
  readonly #worker: number
  readonly #owner: DataPlaneOwner
  /** What clients wait for. */
  readonly #wanted: WantedCertificates
  readonly #wantedKeys: Wanted
  /** By upstream name. */
  #groups: ReadonlyMap<string, UpstreamGroup> = new Map()
  /** Snapshots that are not in effect yet, in order; the router of the first one is being built. */
  readonly #waiting: { readonly next: Snapshot; readonly done: () => void }[] = []

  /**
   * @param worker its slot on the Scoreboard
   * @param keyedLimits left out: its own
   */
  constructor(
    snapshot: Snapshot,
    scoreboard: Scoreboard,
    sessions: SessionTable,
    worker: number,
    owner: DataPlaneOwner,
    keyedLimits?: KeyedLimits,
  ) {
    this.#scoreboard = scoreboard
    this.#sessions = sessions
    this.#worker = worker
    this.#owner = owner
    const notices = new Notices((event) => owner.report(event))
    this.#context = new WorkerContext(owner.observers, notices, undefined, owner.connections, keyedLimits)
    this.#filters = new RouteFilters(this.#context)
    this.#context.filtersOf = (route) => this.#filters.of(route)
    this.#install(snapshot, new Router(snapshot.routes))
    this.#clients = new Clients(this.#context, scoreboard, worker)
    this.#wanted = new WantedCertificates(
      (host) => owner.report({ type: 'certificate-wanted', host }),
      (host) => notices.certificateNotAwaited(host),
    )
    this.#wantedKeys = new Wanted(
      (url) => owner.report({ type: 'keys-wanted', url }),
      () => {},
    )
    this.#context.renewKeys = (url) =>
      new Promise((resolve) => {
        if (!this.#wantedKeys.add(url, resolve)) resolve()
      })
    this.#clients.tls.demand = (host, settled) => this.#wanted.add(host, settled)
  }

  /**
   * Puts another Snapshot into effect. What it does not change keeps its state; exchanges in flight keep the upstream
   * that they began with. A router for many routes is built in slices first, and the next Snapshots wait for it.
   *
   * @param done called once it is in effect, perhaps before this returns
   */
  apply(next: Snapshot, done: () => void = () => {}): void {
    this.#waiting.push({ next, done })
    if (this.#waiting.length === 1) this.#applyFirst()
  }

  #applyFirst(): void {
    const { next, done } = this.#waiting[0]!
    new Background(this.#routerOf(next), (router) => {
      this.#install(next, router)
      done()
      this.#wanted.apply(next)
      this.#waiting.shift()
      if (this.#waiting.length > 0) this.#applyFirst()
    })
  }

  *#routerOf({ routes }: Snapshot): Slices<Router> {
    const { router, snapshot } = this.#context.generation
    return snapshot.routes === routes ? router : yield* Router.build(routes)
  }

  #install(next: Snapshot, router: Router): void {
    this.#sessions.apply(next.upstreams)
    const before = this.#groups
    const routesBefore = this.#context.generation?.snapshot.routes
    const groups = next.upstreams.map((upstream) => before.get(upstream.name) ?? this.#groupOf(upstream))
    this.#groups = new Map(groups.map((group) => [group.settings.name, group]))
    this.#context.generation = new Generation(next, router, groups, this.#context.generation)
    if (routesBefore !== next.routes) this.#filters.apply(next.routes)
    // Last, since waiting requests may continue at once under the new settings.
    for (const [index, group] of groups.entries()) group.apply(next.upstreams[index]!)
    for (const [name, group] of before) if (!this.#groups.has(name)) group.retire()
  }

  #groupOf(upstream: Upstream): UpstreamGroup {
    const { deadlines } = this.#context
    const connections = new ServerConnections(upstream, this.#context)
    return new UpstreamGroup(upstream, this.#scoreboard, this.#sessions, this.#worker, deadlines, connections)
  }

  accept(socket: ClientSocket, entrance: Entrance): void {
    this.#clients.accept(socket, entrance)
  }

  /** A connection could not be accepted because this process ran short of something (shortage.ts). */
  shortage(code: string): void {
    this.#context.notices.shortage(code)
  }

  /** Answers certificate authorities like that from now on, and not otherwise. */
  answerChallenges({ http, tls }: ChallengeAnswers): void {
    this.#context.challenges = http
    this.#clients.tls.challenges = tls
  }

  /** Refuses other clients from now on. */
  changeBans(change: BanChange): void {
    this.#context.bans.change(change)
  }

  /** Clients that wait for a certificate of that host go on with what there is. */
  settleDemand(host: string): void {
    this.#wanted.settle(host)
  }

  /** Requests that wait for keys from that URL go on with what there is. */
  settleKeys(url: string): void {
    this.#wantedKeys.settle(url)
  }

  /** Which addresses have sent requests since the last report, for upstreams whose servers are picked by address. */
  samples(): SampleReport[] {
    return this.#context.generation.groups.flatMap(({ sample }) => sample?.report() ?? [])
  }

  /** The ids of some sessions on the server of that upstream in that slot, as far as this worker has seen them. */
  idsOn(upstream: string, server: number): KnownId[] {
    return this.#groups.get(upstream)?.affinity?.idsOn?.(server, wallSeconds()) ?? []
  }

  /**
   * Closes the tunnels and calls of gRPC to the server of that slot, each at a random moment within `spread` ms: those too that began before
   * the server, or its upstream, was removed.
   */
  closeTunnels(server: number, spread: number): void {
    this.#context.tunnels.close(server, spread)
  }

  /** Lets exchanges in flight finish and closes everything else; `stopped` follows. */
  stop(): void {
    this.#context.ending = 'stop'
    this.#clients.stop(() => this.#close())
  }

  /** Lets every connection end after its next response, or when it has been idle for too long; `stopped` follows. */
  drain(): void {
    this.#context.ending = 'drain'
    this.#clients.drain(() => this.#close())
  }

  #close(): void {
    for (const group of this.#groups.values()) group.streams.close()
    this.#context.deadlines.stop()
    this.#owner.stopped()
  }
}
