import { localHeader } from '../proxy-protocol/proxy-header.ts'
import { HealthBit } from '../runtime/health-bit.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Check, Endpoint, Server, Upstream } from '../runtime/snapshot.ts'
import { Checker } from './checker.ts'
import type { Gate } from './gate.ts'
import { OutlierDetector } from './outlier-detector.ts'
import { ServerHealth } from './server-health.ts'
import { checkTcp } from './tcp-check.ts'
import type { Verdict } from './verdict.ts'

const NOTHING = new Uint8Array(0)

/** What became of the health of a server or an upstream: one line for each change, with its cause. */
export interface HealthEvents {
  worse(line: string): void
  better(line: string): void
  /** A check came to nothing for want of something (shortage.ts) of this process's own. */
  shortage(code: string): void
}

/** The health of one upstream's servers: finds it out, writes it on the Scoreboard, and says so. */
export class UpstreamHealth {
  readonly #upstream: Upstream
  readonly #events: HealthEvents
  readonly #servers: readonly ServerHealth[]
  readonly #checkers: readonly Checker[]
  readonly #outliers: OutlierDetector | undefined
  /** Servers that are not up before their first check, and have not had it. */
  #unknown = 0
  /** Why health counts no more; undefined where it does. */
  #panic: string | undefined

  /** Servers that are down or unknown before their first check are so from here on. */
  constructor(upstream: Upstream, scoreboard: Scoreboard, gate: Gate, events: HealthEvents) {
    this.#upstream = upstream
    this.#events = events
    this.#servers = upstream.servers.map((server) => new ServerHealth(server, upstream.slot, scoreboard))
    const { check, outlier } = upstream.health ?? {}
    const ready = this.#servers.filter(({ server }) => !server.down)
    this.#checkers = check === undefined ? [] : ready.map((health) => this.#checkerOf(health, check, gate))
    this.#outliers =
      outlier &&
      new OutlierDetector(outlier, ready, {
        ejected: (server, ms, cause) => this.#tell('worse', server.name, `is ejected for ${seconds(ms)} (${cause})`),
        readmitted: (server) => this.#tell('better', server.name, 'is back from its ejection'),
      })
    if (check === undefined || check.initial === 'up') return
    this.#unknown = ready.length
    for (const health of ready) health.set(HealthBit.Unhealthy)
  }

  /** Resolves once no server is unknown any more. */
  async start(): Promise<void> {
    this.#outliers?.start()
    for (const checker of this.#checkers) checker.start()
    if (this.#upstream.health?.check?.initial === 'unknown') await Promise.all(this.#checkers.map(({ first }) => first))
  }

  stop(): void {
    this.#outliers?.stop()
    for (const checker of this.#checkers) checker.stop()
  }

  /** Requests to a server failed, and the workers have suspended it for `ms`. */
  suspended(server: string, ms: number, cause: string): void {
    this.#tell('worse', server, `is suspended for ${seconds(ms)} (${cause})`)
  }

  /** A request to a suspended server was answered. */
  resumed(server: string): void {
    this.#tell('better', server, 'is back (a request to it was answered)')
  }

  /** What is said of the panic under way; undefined where there is none. */
  get panic(): string | undefined {
    return this.#panic
  }

  /** That many answers in a row of a server were bad. */
  erring(server: string, badInRow: number): void {
    this.#outliers?.erring(server, badInRow)
  }

  /** Why that is so of a server; undefined if nobody said. */
  causeOf(server: string, bit: HealthBit): string | undefined {
    return this.#servers.find((health) => health.server.name === server)?.causeOf(bit)
  }

  #checkerOf(health: ServerHealth, check: Check, gate: Gate): Checker {
    const { server } = health
    // Nobody was without it at the start of the program, so that it needs not warm up.
    let isNew = check.initial !== 'up'
    const preamble = preambleOf(this.#upstream, check)
    const endpoint = endpointOf(server, check)
    return new Checker(
      check,
      async (signal) => {
        const verdict = await probe(check, endpoint, preamble, signal)
        if (verdict.shortage !== undefined) this.#events.shortage(verdict.shortage)
        return verdict
      },
      gate,
      (isUp, cause) => {
        if (isNew) this.#unknown--
        if (!isUp) {
          health.set(HealthBit.Unhealthy, cause)
          this.#tell('worse', server.name, `is down (${cause})`)
        } else {
          health.forgetFailures()
          if (isNew) health.clear(HealthBit.Unhealthy)
          else health.heal(HealthBit.Unhealthy)
          this.#tell('better', server.name, `is up${isNew ? '' : ' again'} (${cause})`)
        }
        isNew = false
      },
    )
  }

  #tell(how: 'worse' | 'better', server: string, what: string): void {
    this.#events[how](`upstream ${this.#upstream.name}: server ${server} ${what}`)
    this.#judgePanic()
  }

  /** Whether a panic begins or ends, now that the health of a server has changed. */
  #judgePanic(): void {
    const { name, health } = this.#upstream
    const threshold = health?.panicThreshold ?? 0
    const primaries = this.#servers.filter(({ server }) => !server.down && !server.drain && !server.backup)
    const well = primaries.filter(({ isWell }) => isWell).length
    const panic = this.#unknown === 0 && isPanic(well, primaries.length, threshold)
    const count = `${well} of ${primaries.length} servers are well`
    const wasPanic = this.#panic !== undefined
    this.#panic = panic ? `panic: ${count}, fewer than ${threshold} %; all are used` : undefined
    if (panic === wasPanic) return
    for (const server of this.#servers) panic ? server.set(HealthBit.Panic) : server.clear(HealthBit.Panic)
    if (this.#panic !== undefined) this.#events.worse(`upstream ${name}: ${this.#panic}`)
    else this.#events.better(`upstream ${name}: the panic is over: ${count}`)
  }
}

/** One check of one server. A new kind of check is one line. node:http, which is large, is loaded by the first that needs it. */
async function probe(check: Check, endpoint: Endpoint, preamble: Uint8Array, signal: AbortSignal): Promise<Verdict> {
  switch (check.type) {
    case 'http':
      return (await import('./http-check.ts')).checkHttp(check, endpoint, preamble, signal)
    case 'tcp':
      return checkTcp(endpoint, preamble, signal)
  }
}

/** Where a server is checked: where it serves, or on a port for checks. */
function endpointOf({ endpoint }: Server, { port }: Check): Endpoint {
  return port === undefined || 'path' in endpoint ? endpoint : { ...endpoint, port }
}

/** What a check's connection begins with; one on a port of its own meets another listener, and says nothing. */
function preambleOf({ proxyProtocol }: Upstream, { port }: Check): Uint8Array {
  return proxyProtocol === undefined || port !== undefined ? NOTHING : localHeader(proxyProtocol)
}

function seconds(ms: number): string {
  return `${ms / 1000} s`
}

/**
 * Whether so few servers are well that health is to count no more (Envoy's panic threshold): those that are left could
 * not carry the load of all.
 *
 * @param threshold whole percents; 0 never
 */
export function isPanic(well: number, all: number, threshold: number): boolean {
  return well * 100 < threshold * all
}
