import { AILMENTS, HealthBit } from '../../runtime/health-bit.ts'
import { MAX_DEPARTURES } from '../../runtime/scoreboard/departures.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { SessionCount } from '../../runtime/session-table.ts'
import type { Server, Upstream } from '../../runtime/snapshot.ts'
import { Allowance } from './allowance.ts'
import { departuresOf, type Load } from './shares.ts'

/** The sessions of one upstream on their way to a balance. */
export class UpstreamBalance {
  readonly upstream: Upstream
  readonly #scoreboard: Scoreboard
  readonly #allowance: Allowance
  /** The slots of servers that sessions may leave now. */
  #open: readonly number[] = []

  /** @param before that of the same upstream by an earlier Snapshot */
  constructor(upstream: Upstream, scoreboard: Scoreboard, before?: UpstreamBalance) {
    this.upstream = upstream
    this.#scoreboard = scoreboard
    this.#allowance = before === undefined ? new Allowance() : before.#allowance
  }

  get slots(): number[] {
    return this.upstream.servers.map(({ slot }) => slot)
  }

  /** Nothing moves until `go`. */
  stop(): void {
    for (const slot of this.#open) this.#allowance.use(-this.#scoreboard.departures.stop(slot))
    this.#open = []
  }

  /**
   * Sessions may move again, as the counts show that they should.
   *
   * @param elapsed ms since the last time
   */
  go(counts: ReadonlyMap<number, Pick<SessionCount, 'live'>>, elapsed: number): void {
    const loads = this.#loads(counts)
    const live = loads.reduce((sum, load) => sum + load.live, 0)
    this.#allowance.grow(live, this.upstream.rebalance!.perHour, elapsed)
    const departures = departuresOf(loads, Math.min(this.#allowance.whole, MAX_DEPARTURES))
    for (const { from, to, count } of departures) {
      this.#scoreboard.departures.allow(from, to, count)
      this.#allowance.use(count)
    }
    this.#open = departures.map(({ from }) => from)
  }

  /** Of servers that may serve. Backups should have no sessions while another may serve. */
  #loads(counts: ReadonlyMap<number, Pick<SessionCount, 'live'>>): Load[] {
    const serving = this.upstream.servers.filter((server) => this.#mayServe(server))
    const hasPrimary = serving.some(({ backup }) => !backup)
    return serving.map(({ slot, weight, backup }) => ({
      slot,
      weight: backup && hasPrimary ? 0 : weight,
      live: counts.get(slot)?.live ?? 0,
    }))
  }

  #mayServe({ slot, down, drain, away }: Server): boolean {
    const health = this.#scoreboard.servers.health(slot)
    return !down && !drain && !away && ((health & AILMENTS) === 0 || (health & HealthBit.Panic) !== 0)
  }
}
