/**
 * The Scoreboard: the live counters that all threads share, as typed arrays on one SharedArrayBuffer. This file is the
 * only one that knows its layout. Servers and upstreams have a slot each, which outlives any Snapshot; workers have one
 * for as long as they live.
 */
export const MOST_SERVERS = 16_384
export const MOST_UPSTREAMS = 4_096
export const MOST_WORKERS = 64

/** What is counted for each server, in units of Int32: a cache line of its own. */
const ServerField = {
  Health: 0,
  Fails: 1,
  FailedAt: 2,
  CheckedAt: 3,
  ReturnedAt: 4,
  Requests: 5,
  Failures: 6,
  Good: 7,
  Bad: 8,
  BadInRow: 9,
} as const
const SERVER_STRIDE = 16

/**
 * A server's health, as bits of one cell; 0 is a server that is well. `Failed`: too many requests to it failed
 * (balancing/server-state.ts). `Unhealthy`: its check says so. `Ejected`: it answers worse than it may. `Panic`: so few
 * servers of its upstream are well that none of this counts. All but the first are the control plane's (health/).
 */
export const HealthBit = { Failed: 1, Unhealthy: 2, Ejected: 4, Panic: 8 } as const
export type HealthBit = (typeof HealthBit)[keyof typeof HealthBit]

/** What is kept for each upstream, in units of Int32. */
const UpstreamField = { Cursor: 0, Epoch: 1 } as const
const UPSTREAM_STRIDE = 2

const UPSTREAMS_AT = MOST_SERVERS * SERVER_STRIDE
const LEDGERS_AT = UPSTREAMS_AT + MOST_UPSTREAMS * UPSTREAM_STRIDE
const CONNECTIONS_AT = LEDGERS_AT + MOST_WORKERS * MOST_SERVERS
// What policies compare over a thousand servers stands side by side, so that they read few cache lines.
const IN_FLIGHT_AT = CONNECTIONS_AT + MOST_WORKERS
const LATENCIES_AT = IN_FLIGHT_AT + MOST_SERVERS
const ANSWERED_AT = LATENCIES_AT + MOST_SERVERS
// Each worker counts the connections of each address twice, in a cell of either half that the address hashes to.
const ADDRESS_CELLS = 8192
const ADDRESSES_AT = ANSWERED_AT + MOST_SERVERS
const SIZE = ADDRESSES_AT + MOST_WORKERS * 2 * ADDRESS_CELLS

export class Scoreboard {
  /** Hand this to another thread, and make a Scoreboard of it there. Pages that nobody touched take no memory. */
  readonly memory: SharedArrayBuffer
  /**
   * `inFlight` of every server, by slot, to be read only. A plain read of it costs a fifth of an atomic one and may miss
   * what another thread did within the last nanoseconds, so that it is good for comparing servers.
   */
  readonly inFlights: Int32Array
  readonly #cells: Int32Array
  /** In ms. No two threads need agree on one, so that it is read and written plainly. */
  readonly #latencies: Float32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
    this.inFlights = this.#cells.subarray(IN_FLIGHT_AT, IN_FLIGHT_AT + MOST_SERVERS)
    this.#latencies = new Float32Array(memory, LATENCIES_AT * Float32Array.BYTES_PER_ELEMENT, MOST_SERVERS)
  }

  /** Exchanges that a server has in hand, all workers together. */
  inFlight(server: number): number {
    return Atomics.load(this.#cells, IN_FLIGHT_AT + server)
  }

  /**
   * A worker's exchange begins on a server, unless the server has `limit` of them in hand (0: no limit). Noted in the
   * worker's ledger too, so that its death can be undone.
   *
   * @returns whether it may begin
   */
  acquire(server: number, worker: number, limit: number): boolean {
    const before = Atomics.add(this.#cells, IN_FLIGHT_AT + server, 1)
    if (limit > 0 && before >= limit) {
      Atomics.sub(this.#cells, IN_FLIGHT_AT + server, 1)
      return false
    }
    this.#cells[LEDGERS_AT + worker * MOST_SERVERS + server]! += 1
    return true
  }

  release(server: number, worker: number): void {
    Atomics.sub(this.#cells, IN_FLIGHT_AT + server, 1)
    this.#cells[LEDGERS_AT + worker * MOST_SERVERS + server]! -= 1
  }

  /** Takes back everything that a dead worker still held. */
  forget(worker: number): void {
    for (let server = 0; server < MOST_SERVERS; server++) {
      const held = this.#cells[LEDGERS_AT + worker * MOST_SERVERS + server]!
      if (held === 0) continue
      Atomics.sub(this.#cells, IN_FLIGHT_AT + server, held)
      this.#cells[LEDGERS_AT + worker * MOST_SERVERS + server] = 0
    }
    this.#cells[CONNECTIONS_AT + worker] = 0
    const addresses = ADDRESSES_AT + worker * 2 * ADDRESS_CELLS
    this.#cells.fill(0, addresses, addresses + 2 * ADDRESS_CELLS)
  }

  /** The server's `HealthBit`s. */
  health(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.Health)
  }

  /** Sets one of them; returns what they were before. Whoever changes one bumps the epoch of the upstream. */
  setHealth(server: number, bit: HealthBit): number {
    return Atomics.or(this.#cells, server * SERVER_STRIDE + ServerField.Health, bit)
  }

  clearHealth(server: number, bit: HealthBit): number {
    return Atomics.and(this.#cells, server * SERVER_STRIDE + ServerField.Health, ~bit)
  }

  countRequest(server: number): void {
    Atomics.add(this.#cells, server * SERVER_STRIDE + ServerField.Requests, 1)
  }

  /** Requests that a server was given since the start (modulo 2^32). */
  requests(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.Requests) >>> 0
  }

  /** Attempts that failed on a server since the start (modulo 2^32). */
  failures(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.Failures) >>> 0
  }

  /** Failures in a row, as nginx counts them: see balancing/server-state.ts. */
  fails(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.Fails)
  }

  countFailure(server: number): void {
    Atomics.add(this.#cells, server * SERVER_STRIDE + ServerField.Failures, 1)
  }

  /** A server has answered, and not by a 5xx. */
  countGood(server: number): void {
    const at = server * SERVER_STRIDE
    Atomics.add(this.#cells, at + ServerField.Good, 1)
    if (Atomics.load(this.#cells, at + ServerField.BadInRow) !== 0) this.clearBadInRow(server)
  }

  /** A server has answered by a 5xx, or not at all; returns how many times in a row. */
  countBad(server: number): number {
    const at = server * SERVER_STRIDE
    Atomics.add(this.#cells, at + ServerField.Bad, 1)
    return Atomics.add(this.#cells, at + ServerField.BadInRow, 1) + 1
  }

  clearBadInRow(server: number): void {
    Atomics.store(this.#cells, server * SERVER_STRIDE + ServerField.BadInRow, 0)
  }

  /** Good answers since the start (modulo 2^32). */
  good(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.Good) >>> 0
  }

  /** Bad ones since the start (modulo 2^32). */
  bad(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.Bad) >>> 0
  }

  /** Adds to the failures in a row, at time `now`; returns how many they are. */
  addFail(server: number, now: number): number {
    const at = server * SERVER_STRIDE
    Atomics.store(this.#cells, at + ServerField.FailedAt, now)
    Atomics.store(this.#cells, at + ServerField.CheckedAt, now)
    return Atomics.add(this.#cells, at + ServerField.Fails, 1) + 1
  }

  /** Sets the fails back to none; returns how many there were. */
  clearFails(server: number): number {
    return Atomics.exchange(this.#cells, server * SERVER_STRIDE + ServerField.Fails, 0)
  }

  /** When the server last failed: ms on the shared clock (clock.ts), modulo 2^32. */
  failedAt(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.FailedAt)
  }

  /** When the current window of failures, or of a ban, began. */
  checkedAt(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.CheckedAt)
  }

  /** Begins a new window, unless another thread has done so since `before` was read; returns whether this call did. */
  moveCheckedAt(server: number, before: number, now: number): boolean {
    return Atomics.compareExchange(this.#cells, server * SERVER_STRIDE + ServerField.CheckedAt, before, now) === before
  }

  /** When the server came back after it was out, as long as it is still warming up; else 0. */
  returnedAt(server: number): number {
    return Atomics.load(this.#cells, server * SERVER_STRIDE + ServerField.ReturnedAt)
  }

  /** The server comes back at time `now`, and warms up from now on. */
  setReturnedAt(server: number, now: number): void {
    Atomics.store(this.#cells, server * SERVER_STRIDE + ServerField.ReturnedAt, now || 1)
  }

  /** The server that came back at time `at` is warm. */
  clearReturnedAt(server: number, at: number): void {
    Atomics.compareExchange(this.#cells, server * SERVER_STRIDE + ServerField.ReturnedAt, at, 0)
  }

  /** How long a server takes to answer, in ms, as balancing/least-time.ts estimates it; 0 where nobody knows. */
  latency(server: number): number {
    return this.#latencies[server]!
  }

  /** When the server last answered: ms on the shared clock, modulo 2^32. */
  answeredAt(server: number): number {
    return this.#cells[ANSWERED_AT + server]!
  }

  setLatency(server: number, ms: number, now: number): void {
    this.#latencies[server] = ms
    this.#cells[ANSWERED_AT + server] = now
  }

  /** Takes the next number of an upstream's rotation (modulo 2^32): no two threads get the same. */
  nextTurn(upstream: number): number {
    return Atomics.add(this.#cells, UPSTREAMS_AT + upstream * UPSTREAM_STRIDE + UpstreamField.Cursor, 1) >>> 0
  }

  /** Changes whenever a server of the upstream begins or ceases to be eligible. */
  epoch(upstream: number): number {
    return Atomics.load(this.#cells, UPSTREAMS_AT + upstream * UPSTREAM_STRIDE + UpstreamField.Epoch)
  }

  bumpEpoch(upstream: number): void {
    Atomics.add(this.#cells, UPSTREAMS_AT + upstream * UPSTREAM_STRIDE + UpstreamField.Epoch, 1)
  }

  /** A connection of the client at that address (its octets) opens (1) or closes (-1). */
  countConnection(worker: number, address: Uint8Array, change: 1 | -1): void {
    const cells = ADDRESSES_AT + worker * 2 * ADDRESS_CELLS
    this.#cells[CONNECTIONS_AT + worker]! += change
    this.#cells[cells + cellOf(address, 0)]! += change
    this.#cells[cells + cellOf(address, 1)]! += change
  }

  /** Clients' connections, all workers together. */
  connections(): number {
    return this.#sumOverWorkers(CONNECTIONS_AT, 1)
  }

  /**
   * Connections of the client at that address, all workers together: an estimate that is never too low, and too high
   * only where two addresses share both cells (a count-min sketch, Cormode and Muthukrishnan, 2005).
   */
  connectionsFrom(address: Uint8Array): number {
    const [one, other] = [cellOf(address, 0), cellOf(address, 1)]
    return Math.min(
      this.#sumOverWorkers(ADDRESSES_AT + one, 2 * ADDRESS_CELLS),
      this.#sumOverWorkers(ADDRESSES_AT + other, 2 * ADDRESS_CELLS),
    )
  }

  #sumOverWorkers(at: number, stride: number): number {
    let sum = 0
    for (let worker = 0; worker < MOST_WORKERS; worker++) sum += this.#cells[at + worker * stride]!
    return sum
  }
}

/** The cell of an address in one half of a worker's cells, by FNV-1a. */
function cellOf(address: Uint8Array, half: 0 | 1): number {
  let hash = half === 0 ? 0x811c9dc5 : 0x050c5d1f
  for (const octet of address) hash = Math.imul(hash ^ octet, 0x01000193)
  return half * ADDRESS_CELLS + (((hash >>> 16) ^ hash) & (ADDRESS_CELLS - 1))
}
