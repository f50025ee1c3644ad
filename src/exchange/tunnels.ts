/** A tunnel, or a call of gRPC, that can be closed. */
export interface OpenTunnel {
  /** Closes it in `ms`, or earlier if that has been asked for. */
  close(ms: number): void
}

/**
 * What may last for as long as both sides like: the open tunnels of a worker, and its calls of gRPC. They are found by the slots
 * of their servers, since they outlive what the configuration says of these.
 */
export class Tunnels {
  readonly #bySlot = new Map<number, Set<OpenTunnel>>()
  readonly #random: () => number

  /** @param random numbers from 0 to less than 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** @param slot its server's */
  add(slot: number, tunnel: OpenTunnel): void {
    const there = this.#bySlot.get(slot)
    if (there === undefined) this.#bySlot.set(slot, new Set([tunnel]))
    else there.add(tunnel)
  }

  remove(slot: number, tunnel: OpenTunnel): void {
    const there = this.#bySlot.get(slot)
    if (there?.delete(tunnel) && there.size === 0) this.#bySlot.delete(slot)
  }

  /** Closes each of those to a server at a random moment within `spread` ms, so that not all clients reconnect at once. */
  close(slot: number, spread: number): void {
    for (const tunnel of this.#bySlot.get(slot) ?? []) tunnel.close(this.#random() * spread)
  }
}
