import type { Scoreboard } from '../scoreboard.ts'
import type { Policy } from './policy.ts'
import { Rotation } from './rotation.ts'
import type { ServerState } from './server-state.ts'

/** Each server in turn, in proportion to its weight; backups take turns among themselves when no other may serve. */
export class RoundRobin implements Policy {
  readonly #primaries: Rotation
  readonly #backups: Rotation

  constructor(servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) {
    const primaries = servers.filter((server) => !server.settings.backup)
    const backups = servers.filter((server) => server.settings.backup)
    this.#primaries = new Rotation(primaries, upstream, scoreboard)
    this.#backups = new Rotation(backups, upstream, scoreboard)
  }

  pick(_key: Uint8Array, avoid: readonly ServerState[], now: number): ServerState | undefined {
    return this.#primaries.pick(avoid, now) ?? this.#backups.pick(avoid, now)
  }
}
