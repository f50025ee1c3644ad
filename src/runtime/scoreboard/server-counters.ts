import { MAX_SERVERS } from '../bounds.ts'
import { HealthBit } from '../health-bit.ts'
import { type Regions, SERVER_STRIDE } from './layout.ts'
import { addBelow, takeBack } from './ledger.ts'

/** V8 folds a constant of the module itself, but loads an imported one at each use. */
const STRIDE = SERVER_STRIDE

/** The cells of a server's record. */
const Field = {
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

/** What was counted of a server, and the failures that may have suspended it, as plain data. */
export interface ServerRecord {
  readonly health: number
  readonly fails: number
  readonly failedAt: number
  readonly checkedAt: number
  readonly requests: number
  readonly failures: number
  readonly good: number
  readonly bad: number
}

/** What is counted and known of each server, by its slot. */
export class ServerCounters {
  /**
   * `inFlight` of every server, by slot, to be read only. A plain read of it costs a fifth of an atomic one and may miss
   * what another thread did within the last nanoseconds, so that it is good for comparing servers.
   */
  readonly inFlights: Int32Array
  readonly #inFlightLedgers: Int32Array
  readonly #tunnels: Int32Array
  readonly #tunnelLedgers: Int32Array
  readonly #records: Int32Array
  /** No two threads need to agree on one, so that it is read and written plainly. */
  readonly #latencies: Float32Array
  readonly #answeredAt: Int32Array

  constructor({ servers, inFlights, inFlightLedgers, tunnels, tunnelLedgers, latencies, answeredAt }: Regions) {
    this.inFlights = inFlights
    this.#inFlightLedgers = inFlightLedgers
    this.#tunnels = tunnels
    this.#tunnelLedgers = tunnelLedgers
    this.#records = servers
    this.#latencies = latencies
    this.#answeredAt = answeredAt
  }

  /** Exchanges in flight on a server, all workers together. */
  inFlight(server: number): number {
    return Atomics.load(this.inFlights, server)
  }

  /**
   * A worker's exchange begins on a server, unless `limit` of them are in flight there (0: no limit). Noted in the worker's
   * ledger too, so that it can be undone if the worker dies.
   *
   * @returns whether it may begin
   */
  acquire(server: number, worker: number, limit: number): boolean {
    if (limit === 0) Atomics.add(this.inFlights, server, 1)
    else if (!addBelow(this.inFlights, server, limit)) return false
    this.#inFlightLedgers[worker * MAX_SERVERS + server]! += 1
    return true
  }

  release(server: number, worker: number): void {
    Atomics.sub(this.inFlights, server, 1)
    this.#inFlightLedgers[worker * MAX_SERVERS + server]! -= 1
  }

  /** Exchanges in flight on a server that have switched protocols (WebSockets and others), all workers together. */
  tunnels(server: number): number {
    return Atomics.load(this.#tunnels, server)
  }

  /** A worker's exchange, which is in flight on a server, has switched protocols. */
  openTunnel(server: number, worker: number): void {
    Atomics.add(this.#tunnels, server, 1)
    this.#tunnelLedgers[worker * MAX_SERVERS + server]! += 1
  }

  closeTunnel(server: number, worker: number): void {
    Atomics.sub(this.#tunnels, server, 1)
    this.#tunnelLedgers[worker * MAX_SERVERS + server]! -= 1
  }

  /** Ends all exchanges of a dead worker. */
  forget(worker: number): void {
    takeBack(this.#tunnels, this.#tunnelLedgers, worker)
    takeBack(this.inFlights, this.#inFlightLedgers, worker)
  }

  /** Forgets all that was counted of a server. */
  zero(server: number): void {
    this.#records.fill(0, server * STRIDE, (server + 1) * STRIDE)
    this.setLatency(server, 0, 0)
  }

  record(server: number): ServerRecord {
    return {
      health: this.health(server),
      fails: this.fails(server),
      failedAt: this.failedAt(server),
      checkedAt: this.checkedAt(server),
      requests: this.requests(server),
      failures: this.failures(server),
      good: this.good(server),
      bad: this.bad(server),
    }
  }

  /** Adds what another process has counted of that server. */
  addCounts(server: number, { requests, failures, good, bad }: ServerRecord): void {
    const at = server * STRIDE
    Atomics.add(this.#records, at + Field.Requests, requests)
    Atomics.add(this.#records, at + Field.Failures, failures)
    Atomics.add(this.#records, at + Field.Good, good)
    Atomics.add(this.#records, at + Field.Bad, bad)
  }

  /** Goes on with the failures in a row that another process has seen, and with the suspension that they led to. */
  continueFails(server: number, { health, fails, failedAt, checkedAt }: ServerRecord): void {
    const at = server * STRIDE
    Atomics.store(this.#records, at + Field.Fails, fails)
    Atomics.store(this.#records, at + Field.FailedAt, failedAt)
    Atomics.store(this.#records, at + Field.CheckedAt, checkedAt)
    if (health & HealthBit.Suspended) this.setHealth(server, HealthBit.Suspended)
  }

  /** The server's `HealthBit`s. */
  health(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.Health)
  }

  /** Sets one of them; returns what they were before. After a change, bump the epoch of the upstream. */
  setHealth(server: number, bit: HealthBit): number {
    return Atomics.or(this.#records, server * STRIDE + Field.Health, bit)
  }

  clearHealth(server: number, bit: HealthBit): number {
    return Atomics.and(this.#records, server * STRIDE + Field.Health, ~bit)
  }

  countRequest(server: number): void {
    Atomics.add(this.#records, server * STRIDE + Field.Requests, 1)
  }

  /** Requests sent to a server since the start (modulo 2^32). */
  requests(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.Requests) >>> 0
  }

  countFailure(server: number): void {
    Atomics.add(this.#records, server * STRIDE + Field.Failures, 1)
  }

  /** Attempts that failed on a server since the start (modulo 2^32). */
  failures(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.Failures) >>> 0
  }

  /** A server has answered, and not with a 5xx. */
  countGood(server: number): void {
    const at = server * STRIDE
    Atomics.add(this.#records, at + Field.Good, 1)
    if (Atomics.load(this.#records, at + Field.BadInRow) !== 0) this.clearBadInRow(server)
  }

  /** A server has answered with a 5xx, or not at all; returns how many times in a row. */
  countBad(server: number): number {
    const at = server * STRIDE
    Atomics.add(this.#records, at + Field.Bad, 1)
    return Atomics.add(this.#records, at + Field.BadInRow, 1) + 1
  }

  clearBadInRow(server: number): void {
    Atomics.store(this.#records, server * STRIDE + Field.BadInRow, 0)
  }

  /** Good answers since the start (modulo 2^32). */
  good(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.Good) >>> 0
  }

  /** Bad answers since the start (modulo 2^32). */
  bad(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.Bad) >>> 0
  }

  /** Failures in a row, as nginx counts them: see balancing/server-state.ts. */
  fails(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.Fails)
  }

  /** Adds to the failures in a row, at time `now`; returns how many they are. */
  addFail(server: number, now: number): number {
    const at = server * STRIDE
    Atomics.store(this.#records, at + Field.FailedAt, now)
    Atomics.store(this.#records, at + Field.CheckedAt, now)
    return Atomics.add(this.#records, at + Field.Fails, 1) + 1
  }

  /** Resets the failures in a row; returns how many there were. */
  clearFails(server: number): number {
    return Atomics.exchange(this.#records, server * STRIDE + Field.Fails, 0)
  }

  /** When the server last failed: ms on the shared clock (clock.ts), modulo 2^32. */
  failedAt(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.FailedAt)
  }

  /** When the current window of failures, or the current suspension, began. */
  checkedAt(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.CheckedAt)
  }

  /** Begins a new window, unless another thread has done so since `before` was read; returns whether this call did. */
  moveCheckedAt(server: number, before: number, now: number): boolean {
    return Atomics.compareExchange(this.#records, server * STRIDE + Field.CheckedAt, before, now) === before
  }

  /** When the server returned after it was out, for as long as it warms up; otherwise 0. */
  returnedAt(server: number): number {
    return Atomics.load(this.#records, server * STRIDE + Field.ReturnedAt)
  }

  /** The server returns at time `now`, and warms up from then on. */
  setReturnedAt(server: number, now: number): void {
    Atomics.store(this.#records, server * STRIDE + Field.ReturnedAt, now || 1)
  }

  /** The server that returned at time `at` is warm. */
  clearReturnedAt(server: number, at: number): void {
    Atomics.compareExchange(this.#records, server * STRIDE + Field.ReturnedAt, at, 0)
  }

  /** How long a server takes to answer, in ms, as balancing/least-time.ts estimates it; 0 if unknown. */
  latency(server: number): number {
    return this.#latencies[server]!
  }

  /** When the server last answered: ms on the shared clock, modulo 2^32. */
  answeredAt(server: number): number {
    return this.#answeredAt[server]!
  }

  setLatency(server: number, ms: number, now: number): void {
    this.#latencies[server] = ms
    this.#answeredAt[server] = now
  }
}
