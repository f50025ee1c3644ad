import { HealthBit } from '../runtime/health-bit.ts'
import type { Outlier } from '../runtime/health-settings.ts'
import type { Server } from '../runtime/snapshot.ts'
import { EjectionTime } from './ejection-time.ts'
import { answersOf, type Tally, worstOf } from './error-rate.ts'
import type { ServerHealth } from './server-health.ts'

/** What the detector reports. */
export interface OutlierEvents {
  ejected(server: Server, ms: number, cause: string): void
  /** The server's ejection is over. */
  readmitted(server: Server): void
}

/** The detector's state for a server. */
interface Suspect {
  readonly health: ServerHealth
  readonly time: EjectionTime
  /** The number of its answers when the interval began. */
  before: Tally
  /** The timer that ends its ejection; undefined if it is not ejected. */
  timer: NodeJS.Timeout | undefined
}

/** Ejects an upstream's servers whose answers are bad, and readmits them after a time. */
export class OutlierDetector {
  readonly #events: OutlierEvents
  #settings: Outlier
  /** By server name. */
  #suspects: ReadonlyMap<string, Suspect> = new Map()
  #interval: NodeJS.Timeout | undefined

  /** @param servers those that are not disabled by the operator */
  constructor(settings: Outlier, servers: readonly ServerHealth[], events: OutlierEvents) {
    this.#settings = settings
    this.#events = events
    this.apply(settings, servers)
  }

  /** Takes over other settings and servers. A server that remains stays ejected for the time that was reported. */
  apply(settings: Outlier, servers: readonly ServerHealth[]): void {
    const before = this.#suspects
    this.#suspects = new Map(servers.map((health) => [health.server.id, this.#suspectFor(health, settings)]))
    for (const [id, suspect] of before) if (this.#suspects.get(id) !== suspect) clearTimeout(suspect.timer)
    const { interval } = this.#settings
    this.#settings = settings
    if (this.#interval === undefined || settings.interval === interval) return
    this.#stopInterval()
    this.start()
  }

  /** Does nothing if it has started already. */
  start(): void {
    this.#interval ??= setInterval(() => this.#endInterval(), this.#settings.interval)
  }

  stop(): void {
    this.#stopInterval()
    for (const { timer } of this.#suspects.values()) clearTimeout(timer)
  }

  /** Ejection was turned off: stops, and readmits those of `servers` that are ejected. */
  end(servers: readonly ServerHealth[]): void {
    this.apply(this.#settings, servers)
    this.stop()
    for (const suspect of this.#suspects.values()) if (suspect.timer !== undefined) this.#readmit(suspect)
  }

  #suspectFor(health: ServerHealth, settings: Outlier): Suspect {
    const current = this.#suspects.get(health.server.id)
    if (current?.health !== health) {
      return { health, time: new EjectionTime(settings), before: health.answers, timer: undefined }
    }
    current.time.apply(settings)
    return current
  }

  #stopInterval(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }

  /** `badInRow` answers of the server with that id were bad in a row: the limit, or a multiple of it. */
  erring(id: string, badInRow: number): void {
    const suspect = this.#suspects.get(id)
    if (suspect !== undefined) this.#eject(suspect, `${badInRow} answers of 5xx or none, in a row`)
  }

  #endInterval(): void {
    const serving = Array.from(this.#suspects.values()).filter(({ timer }) => timer === undefined)
    for (const { time } of serving) time.calm()
    const tallies = serving.map(tallyAnswers)
    for (;;) {
      const worst = worstOf(tallies, this.#settings)
      if (worst === undefined) return
      const { index, rate, rateOfOthers } = worst
      const cause = `${whole(rate)} of ${answersOf(tallies[index]!)} answers were errors, ${whole(rateOfOthers)} of the others'`
      if (!this.#eject(serving[index]!, cause)) return
      serving.splice(index, 1)
      tallies.splice(index, 1)
    }
  }

  /** Ejects the server, if it may be ejected; returns whether it did. */
  #eject(suspect: Suspect, cause: string): boolean {
    const { health, time } = suspect
    if (!health.isWell || this.#isEnough() || !this.#othersRemain(suspect)) return false
    const ms = time.next()
    health.set(HealthBit.Ejected, cause)
    suspect.timer = setTimeout(() => this.#readmit(suspect), ms)
    this.#events.ejected(health.server, ms, cause)
    return true
  }

  /** Whether no more servers may be ejected. Unless the limit is 0, one always may. */
  #isEnough(): boolean {
    const { maxEjected } = this.#settings
    const suspects = Array.from(this.#suspects.values())
    const ejected = suspects.filter(({ timer }) => timer !== undefined).length
    const most = Math.floor((suspects.length * maxEjected) / 100)
    return ejected >= (maxEjected === 0 ? 0 : Math.max(1, most))
  }

  #othersRemain(suspect: Suspect): boolean {
    return Array.from(this.#suspects.values()).some(
      (other) => other !== suspect && !other.health.server.drain && other.health.isWell,
    )
  }

  #readmit(suspect: Suspect): void {
    const { health } = suspect
    suspect.timer = undefined
    suspect.before = health.answers
    health.forgetBadInRow()
    health.heal(HealthBit.Ejected)
    this.#events.readmitted(health.server)
  }
}

/** The server's answers in the interval that ends now; the next one begins. */
function tallyAnswers(suspect: Suspect): Tally {
  const { before } = suspect
  const after = suspect.health.answers
  suspect.before = after
  return { good: (after.good - before.good) >>> 0, bad: (after.bad - before.bad) >>> 0 }
}

function whole(rate: number): string {
  return `${Math.round(rate)} %`
}
