import type { ServerState } from '../balancing/server-state.ts'

/** A tunnel that can be closed. */
export interface OpenTunnel {
  /** Closes it in `ms`, or earlier if that has been asked for. */
  close(ms: number): void
}

/**
 * The open tunnels of a worker. They are found by the slots of their servers, since they outlive what the configuration says
 * of these, and are counted on the Scoreboard.
 */
export class Tunnels {
  readonly #bySlot = new Map<number, Set<OpenTunnel>>()
  readonly #random: () => number

  /** @param random numbers from 0 to less than 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  add(server: ServerState, tunnel: OpenTunnel): void {
    const { slot } = server.settings
    const there = this.#bySlot.get(slot)
    if (there === undefined) this.#bySlot.set(slot, new Set([tunnel]))
    else there.add(tunnel)
    server.openTunnel()
  }

  remove(server: ServerState, tunnel: OpenTunnel): void {
    const { slot } = server.settings
    const there = this.#bySlot.get(slot)
    if (!there?.delete(tunnel)) return
    if (there.size === 0) this.#bySlot.delete(slot)
    server.closeTunnel()
  }

  /** Closes each tunnel to a server at a random moment within `spread` ms, so that not all clients reconnect at once. */
  close(slot: number, spread: number): void {
    for (const tunnel of this.#bySlot.get(slot) ?? []) tunnel.close(this.#random() * spread)
  }
}
