import type { Scoreboard } from '../scoreboard.ts'
import type { Choice } from './choice.ts'
import { Roster } from './roster.ts'
import type { ServerState } from './server-state.ts'

/** How often a choice is made anew after another thread was faster. */
const MOST_ROUNDS = 3

/** Servers of equal standing, primaries or backups, and how one of them is chosen. */
export class Tier {
  readonly choice: Choice
  readonly #servers: readonly ServerState[]
  readonly #roster: Roster

  constructor(servers: readonly ServerState[], choice: Choice, upstream: number, scoreboard: Scoreboard) {
    this.choice = choice
    this.#servers = servers
    this.#roster = new Roster(servers, upstream, scoreboard)
  }

  /** Chooses a server that may serve and claims it. */
  pick(avoid: readonly ServerState[], now: number): ServerState | undefined {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      if (this.#roster.refresh(now)) this.choice.update(this.#roster, now)
      const server = this.choice.choose(avoid, now)
      if (server === undefined || server.claim(now)) return server
      this.#roster.expire()
    }
    return this.#servers.find((server) => !avoid.includes(server) && server.mayServe(now) && server.claim(now))
  }
}
