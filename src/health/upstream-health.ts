import { isDeepStrictEqual } from 'node:util'
import { apart } from '../runtime/apart.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Server, Upstream } from '../runtime/snapshot.ts'
import { accessTo } from './access.ts'
import type { Gate } from './gate.ts'
import { OutlierDetector } from './outlier-detector.ts'
import type { Probe } from './probe.ts'
import { ServerCheck } from './server-check.ts'
import { isInUse, ServerHealth } from './server-health.ts'

/** A change for the worse, as in the program's log. */
export type Worse =
  | ServerChange<'server-down', Cause>
  | ServerChange<'server-suspended', Cause & Span & { readonly traceId: string | undefined }>
  | ServerChange<'server-ejected', Cause & Span>
  | ({ readonly event: 'panic'; readonly upstream: string; readonly threshold: number } & Wellness)

/** A change for the better. */
export type Better =
  | ServerChange<'server-up', Cause>
  | ServerChange<'server-resumed' | 'server-readmitted', unknown>
  | ({ readonly event: 'panic-over'; readonly upstream: string } & Wellness)

type ServerChange<Event, More> = { readonly event: Event; readonly upstream: string; readonly server: string } & More
type Cause = { readonly cause: string }
type Span = { readonly ms: number }
/** How many servers are well, of how many. */
type Wellness = { readonly well: number; readonly servers: number }

/** Notified of changes in the health of a server or an upstream: one line for each, with its cause. */
export interface HealthEvents {
  worse(line: string, change: Worse): void
  better(line: string, change: Better): void
  /** The server in that slot was ejected for its answers, or suspended for failures. */
  takenOut(slot: number): void
  /** A check was inconclusive because this process ran short of something (shortage.ts). */
  shortage(code: string): void
}

/** Whether a server was up before its first check here; undefined if that is not known. Servers go by their ids. */
export type KnownHealth = (upstream: string, server: string) => boolean | undefined

/** A server of the upstream. */
interface Member {
  readonly health: ServerHealth
  /** Undefined if the server is disabled or away, or the upstream has no check. */
  readonly check: ServerCheck | undefined
}

/** Determines the health of one upstream's servers, writes it on the Scoreboard, and reports changes. */
export class UpstreamHealth {
  readonly #scoreboard: Scoreboard
  readonly #gate: Gate
  readonly #probe: Probe
  readonly #events: HealthEvents
  #upstream: Upstream
  /** By server id. */
  readonly #members: Map<string, Member>
  /** By server name, which workers report. */
  readonly #ids: Map<string, string>
  #outliers: OutlierDetector | undefined
  /** The reported panic, during which health is ignored; undefined if there is none. */
  #panic: string | undefined

  /** Servers that may not serve before their first check are marked unhealthy at once. */
  constructor(
    upstream: Upstream,
    scoreboard: Scoreboard,
    gate: Gate,
    probe: Probe,
    events: HealthEvents,
    known: KnownHealth = () => undefined,
  ) {
    this.#scoreboard = scoreboard
    this.#gate = gate
    this.#probe = probe
    this.#events = events
    this.#upstream = upstream
    // None warms up at the start: they all begin at the same time.
    this.#members = new Map(
      upstream.servers.map((server) => [server.id, this.#begin(server, false, known(upstream.name, server.id))]),
    )
    this.#ids = idsOf(upstream)
    this.#applyOutlier()
  }

  /** The upstream's slot on the Scoreboard. */
  get slot(): number {
    return this.#upstream.slot
  }

  /** Takes over other settings and servers. New checks begin with `start`. */
  apply(next: Upstream): void {
    const current = this.#upstream
    if (next === current) return
    this.#upstream = next
    const isCheckedAlike = isDeepStrictEqual(checkOf(next), checkOf(current))
    const [former, changed] = isCheckedAlike ? apart(current.servers, next.servers) : [current.servers, next.servers]
    const before = new Map(former.map(({ id }) => [id, this.#members.get(id)!]))
    for (const { id, name } of former) {
      this.#members.delete(id)
      this.#ids.delete(name)
    }
    for (const server of changed) {
      this.#members.set(server.id, this.#continue(server, before.get(server.id), isCheckedAlike))
      this.#ids.set(server.name, server.id)
    }
    for (const [id, { check }] of before) if (this.#members.get(id)?.check !== check) check?.stop()
    this.#applyOutlier()
    this.#judgePanic()
  }

  /** Starts the checks and the detector, unless they run already. */
  start(): void {
    this.#outliers?.start()
    for (const { check } of this.#members.values()) check?.start()
  }

  stop(): void {
    this.#outliers?.stop()
    for (const { check } of this.#members.values()) check?.stop()
  }

  /** The first checks that the start of the program still waits for. */
  get awaited(): readonly Promise<void>[] {
    return Array.from(this.#members.values()).flatMap(({ check }) => check?.awaited ?? [])
  }

  /**
   * Requests to a server failed, and the workers have suspended it for `ms`.
   *
   * @param traceId that of the last of these requests, if its trace is followed
   */
  suspended(server: string, ms: number, cause: string, traceId?: string): void {
    const id = this.#ids.get(server)
    if (id !== undefined) this.#events.takenOut(this.#members.get(id)!.health.server.slot)
    this.#worse(`is suspended for ${seconds(ms)} (${cause})`, {
      event: 'server-suspended',
      ...this.#named(server),
      ms,
      cause,
      traceId,
    })
  }

  /** A request to a suspended server was answered. */
  resumed(server: string): void {
    this.#better('is back (a request to it was answered)', { event: 'server-resumed', ...this.#named(server) })
  }

  /** The log line for the current panic; undefined if there is none. */
  get panic(): string | undefined {
    return this.#panic
  }

  /** `badInRow` answers of a server in a row were bad: the limit, or a multiple of it. */
  erring(server: string, badInRow: number): void {
    const id = this.#ids.get(server)
    if (id !== undefined) this.#outliers?.erring(id, badInRow)
  }

  /** Why that bit of a server was set; undefined if no cause was given. */
  causeOf(server: string, bit: HealthBit): string | undefined {
    const id = this.#ids.get(server)
    return id === undefined ? undefined : this.#members.get(id)?.health.causeOf(bit)
  }

  /**
   * Begins with a server that was added, enabled again, or moved to another address, or is back.
   *
   * @param wasUp whether it was up; undefined: as its check's `initial` says
   * @param isBack whether it was expected back, so that it may have sessions
   */
  #begin(server: Server, warmsUp: boolean, wasUp?: boolean, isBack = false): Member {
    const health = new ServerHealth(server, this.slot, this.#scoreboard)
    // The bits of a disabled server have no effect, except in workers that do not know yet that it is disabled; so they
    // stay.
    if (isInUse(server)) health.begin(wasUp ?? this.#isUpBeforeCheck, warmsUp, isBack)
    return { health, check: this.#checkFor(health, warmsUp, wasUp) }
  }

  /** Continues with a server after its settings, or its check, may have changed. */
  #continue(server: Server, member: Member | undefined, isCheckedAlike: boolean): Member {
    if (member === undefined) return this.#begin(server, true)
    const { health } = member
    if (!health.isOf(server)) return this.#beginAgain(server, health)
    health.apply(server)
    if (isCheckedAlike || !isInUse(server)) return member
    if (!this.#isUpBeforeCheck) health.set(HealthBit.Unhealthy)
    else if (health.has(HealthBit.Unhealthy)) health.heal(HealthBit.Unhealthy)
    return { health, check: this.#checkFor(health, true) }
  }

  /** Continues with a server that was enabled or disabled, is away or back, or has moved. */
  #beginAgain(server: Server, before: ServerHealth): Member {
    const isAtOldPlace = before.server.slot === server.slot && before.isAt(server)
    // It may be faster or slower there.
    if (!isAtOldPlace) this.#scoreboard.servers.setLatency(server.slot, 0, 0)
    const isBack = before.server.away === true || (server.returns === true && !isAtOldPlace)
    return this.#begin(server, true, undefined, isBack)
  }

  get #isUpBeforeCheck(): boolean {
    return (this.#upstream.health?.check?.initial ?? 'up') === 'up'
  }

  #checkFor(health: ServerHealth, warmsUp: boolean, wasUp?: boolean): ServerCheck | undefined {
    const { server } = health
    const configured = this.#upstream.health?.check
    if (configured === undefined || !isInUse(server)) return undefined
    const check = wasUp === undefined ? configured : ({ ...configured, initial: wasUp ? 'up' : 'down' } as const)
    const upstream = this.#upstream
    const access = accessTo(upstream, server, check)
    const probe = async (signal: AbortSignal) => {
      const { tls } = this.#upstream
      // Other certificates are no reason to start over with the server.
      const current = tls === upstream.tls ? access : accessTo(this.#upstream, server, check)
      const verdict = await this.#probe(check, current, signal)
      if (verdict.shortage !== undefined) this.#events.shortage(verdict.shortage)
      return verdict
    }
    return new ServerCheck(check, health, warmsUp, probe, this.#gate, (isUp, what, cause) => {
      const named = this.#named(health.server.name)
      if (isUp) this.#better(what, { event: 'server-up', ...named, cause })
      else this.#worse(what, { event: 'server-down', ...named, cause })
    })
  }

  #applyOutlier(): void {
    const outlier = this.#upstream.health?.outlier
    if (outlier === undefined && this.#outliers === undefined) return
    const enabled = Array.from(this.#members.values(), ({ health }) => health).filter(({ server }) => isInUse(server))
    if (outlier === undefined) {
      this.#outliers?.end(enabled)
      this.#outliers = undefined
      return
    }
    if (this.#outliers !== undefined) return this.#outliers.apply(outlier, enabled)
    this.#outliers = new OutlierDetector(outlier, enabled, {
      ejected: ({ name, slot }, ms, cause) => {
        this.#events.takenOut(slot)
        this.#worse(`is ejected for ${seconds(ms)} (${cause})`, {
          event: 'server-ejected',
          ...this.#named(name),
          ms,
          cause,
        })
      },
      readmitted: ({ name }) =>
        this.#better('is back from its ejection', { event: 'server-readmitted', ...this.#named(name) }),
    })
  }

  #named(server: string): { readonly upstream: string; readonly server: string } {
    return { upstream: this.#upstream.name, server }
  }

  /** Reports a change, unless the server was removed from the upstream. */
  #worse(what: string, change: Exclude<Worse, { event: 'panic' }>): void {
    if (!this.#ids.has(change.server)) return
    this.#events.worse(lineOf(change, what), change)
    this.#judgePanic()
  }

  /** The same. */
  #better(what: string, change: Exclude<Better, { event: 'panic-over' }>): void {
    if (!this.#ids.has(change.server)) return
    this.#events.better(lineOf(change, what), change)
    this.#judgePanic()
  }

  /** Whether any server still has to pass its first check before it may serve. */
  #hasUnknown(): boolean {
    for (const { check } of this.#members.values()) if (check?.isUnknown) return true
    return false
  }

  /** Begins or ends a panic, after the list of servers or their health has changed. */
  #judgePanic(): void {
    const { name, health } = this.#upstream
    const threshold = health?.panicThreshold ?? 0
    const wasPanic = this.#panic !== undefined
    // No panic begins while a server is unknown.
    if (!wasPanic && (threshold === 0 || this.#hasUnknown())) return
    const members = Array.from(this.#members.values())
    const primaries = members.filter(({ health: { server } }) => isInUse(server) && !server.drain && !server.backup)
    const well = primaries.filter(({ health }) => health.isWell).length
    const count = `${well} of ${primaries.length} servers are well`
    const isNow = isPanic(well, primaries.length, threshold)
    this.#panic = isNow ? `panic: ${count}, fewer than ${threshold} %; all are used` : undefined
    if (isNow || wasPanic) for (const member of members) setPanic(member, isNow)
    if (isNow === wasPanic) return
    const fields = { upstream: name, well, servers: primaries.length }
    if (this.#panic !== undefined)
      this.#events.worse(`upstream ${name}: ${this.#panic}`, { event: 'panic', ...fields, threshold })
    else this.#events.better(`upstream ${name}: the panic is over: ${count}`, { event: 'panic-over', ...fields })
  }
}

function lineOf({ upstream, server }: { readonly upstream: string; readonly server: string }, what: string): string {
  return `upstream ${upstream}: server ${server} ${what}`
}

function idsOf({ servers }: Upstream): Map<string, string> {
  return new Map(servers.map(({ id, name }) => [name, id]))
}

/** A server that must pass its first check does not serve in a panic either. */
function setPanic({ health, check }: Member, isPanic: boolean): void {
  const isUsed = isPanic && !check?.isUnknown
  if (isUsed === health.has(HealthBit.Panic)) return
  if (isUsed) health.set(HealthBit.Panic)
  else health.clear(HealthBit.Panic)
}

/** What the checks of all servers of an upstream have in common. */
function checkOf(upstream: Upstream): unknown {
  const check = upstream.health?.check
  return check && [check, upstream.proxyProtocol, upstream.protocol, upstream.tls !== undefined]
}

function seconds(ms: number): string {
  return `${ms / 1000} s`
}

/**
 * Whether so few servers are healthy that health must be ignored (Envoy's panic threshold), since the remaining ones
 * could not carry the load.
 *
 * @param threshold a whole percentage; 0 for never
 */
export function isPanic(well: number, all: number, threshold: number): boolean {
  return well * 100 < threshold * all
}
