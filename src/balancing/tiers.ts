import type { Scoreboard } from '../scoreboard.ts'
import type { Choice } from './choice.ts'
import type { Policy } from './policy.ts'
import type { ServerState } from './server-state.ts'
import { Tier } from './tier.ts'

/** A policy without keys: a choice among the primaries and, when none of them may serve, one among the backups. */
export class Tiers implements Policy {
  /** Only where the choice cares, so that nobody measures in vain. */
  readonly answered?: NonNullable<Policy['answered']>
  readonly #primaries: Tier
  readonly #backups: Tier

  /** @param choice makes the choice for each of the two */
  constructor(servers: readonly ServerState[], choice: () => Choice, upstream: number, scoreboard: Scoreboard) {
    const tier = (backup: boolean) => {
      const members = servers.filter((server) => server.settings.backup === backup)
      return new Tier(members, choice(), upstream, scoreboard)
    }
    this.#primaries = tier(false)
    this.#backups = tier(true)
    if (this.#primaries.choice.answered === undefined) return
    this.answered = (server, ms, good, now) => {
      const { choice } = server.settings.backup ? this.#backups : this.#primaries
      choice.answered?.(server, ms, good, now)
    }
  }

  pick(_key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    return this.#primaries.pick(avoid, now) ?? this.#backups.pick(avoid, now)
  }
}
