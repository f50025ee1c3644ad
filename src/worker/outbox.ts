/** How much waits, and how long. */
export interface OutboxLimits {
  /** How many items are sent at a time at most; that many are sent at once. */
  readonly most: number
  /** Fewer are sent after that many ms. */
  readonly after: number
  /** How many times items are sent before the first ones have been taken. Further ones wait, up to `most`. */
  readonly untaken: number
}

/** Gathers items for the control plane, and sends them in batches, no faster than these are taken. */
export class Outbox<Item> {
  readonly #limits: OutboxLimits
  readonly #send: (items: readonly Item[], dropped: number) => void
  #items: Item[] = []
  #dropped = 0
  #untaken = 0
  #timer: NodeJS.Timeout | undefined

  /** @param send gets how many items were dropped since the last call, too; `taken` follows each call */
  constructor(limits: OutboxLimits, send: (items: readonly Item[], dropped: number) => void) {
    this.#limits = limits
    this.#send = send
  }

  get isFull(): boolean {
    return this.#items.length >= this.#limits.most
  }

  /** Only where it is not full. */
  add(item: Item): void {
    this.#items.push(item)
    if (this.isFull) this.#sendNext()
    else this.#timer ??= setTimeout(() => this.#sendNext(), this.#limits.after).unref()
  }

  /** An item is lost, since it is full. */
  drop(): void {
    this.#dropped++
  }

  /** The items of one batch have been taken. */
  taken(): void {
    this.#untaken--
    if (this.#items.length > 0) this.#sendNext()
  }

  /** Sends everything, whether or not what was sent before has been taken. */
  sendAll(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#items.length === 0 && this.#dropped === 0) return
    this.#send(this.#items, this.#dropped)
    this.#untaken++
    this.#items = []
    this.#dropped = 0
  }

  /** Forgets what waits. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#items = []
    this.#dropped = 0
  }

  #sendNext(): void {
    if (this.#untaken < this.#limits.untaken) this.sendAll()
  }
}
