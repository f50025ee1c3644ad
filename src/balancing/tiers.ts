import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import type { Policy } from './policy.ts'
import { Roster } from './roster.ts'
import { primariesOf, type ServerState } from './server-state.ts'

/** How often a choice is repeated if another thread has just taken the place. */
const MAX_ROUNDS = 3

/** Chooses among the servers of a roster without a key. */
export interface Choice {
  /** The roster's servers or weights have changed. */
  update(roster: Roster, now: number): void
  /** Chooses a server that is not full. */
  choose(avoid: readonly ServerState[], now: number): ServerState | undefined
  /** Takes over the settings of its policy; returns false if they belong to another policy. */
  apply(balance: Balance): boolean
  /** See `Policy.answered`. */
  answered?(server: ServerState, ms: number, good: boolean, now: number): void
}

/** A policy without keys: chooses among the primaries and, if none of them may serve, among the backups. */
export class Tiers implements Policy {
  /** Absent if the choice does not use times, so that none are measured. */
  readonly answered?: NonNullable<Policy['answered']>
  readonly #primaries: Tier
  readonly #backups: Tier

  /** @param choice creates the choice for each of the two */
  constructor(servers: readonly ServerState[], choice: () => Choice, upstream: number, scoreboard: Scoreboard) {
    this.#primaries = new Tier(primariesOf(servers), choice(), upstream, scoreboard)
    this.#backups = new Tier(backupsOf(servers), choice(), upstream, scoreboard)
    if (this.#primaries.choice.answered === undefined) return
    this.answered = (server, ms, good, now) => {
      const { choice } = server.settings.backup ? this.#backups : this.#primaries
      choice.answered?.(server, ms, good, now)
    }
  }

  pick(_key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    return this.#primaries.pick(avoid, now) ?? this.#backups.pick(avoid, now)
  }

  apply(balance: Balance, servers: readonly ServerState[]): boolean {
    this.#primaries.apply(primariesOf(servers))
    this.#backups.apply(backupsOf(servers))
    return this.#primaries.choice.apply(balance) && this.#backups.choice.apply(balance)
  }
}

function backupsOf(servers: readonly ServerState[]): ServerState[] {
  return servers.filter((server) => server.settings.backup)
}

/** The primaries or the backups, and how one of them is chosen. */
class Tier {
  readonly choice: Choice
  readonly #roster: Roster
  #servers: readonly ServerState[]

  constructor(servers: readonly ServerState[], choice: Choice, upstream: number, scoreboard: Scoreboard) {
    this.choice = choice
    this.#servers = servers
    this.#roster = new Roster(servers, upstream, scoreboard)
  }

  apply(servers: readonly ServerState[]): void {
    this.#servers = servers
    this.#roster.apply(servers)
  }

  /** Chooses a server that may serve and claims it. */
  pick(avoid: readonly ServerState[], now: number): ServerState | undefined {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (this.#roster.refresh(now)) this.choice.update(this.#roster, now)
      const server = this.choice.choose(avoid, now)
      if (server === undefined || server.claim(now)) return server
      this.#roster.expire()
    }
    return this.#servers.find((server) => !avoid.includes(server) && server.mayServe(now) && server.claim(now))
  }
}
