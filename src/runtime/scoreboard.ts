/**
 * The Scoreboard: the live counters that all threads share, as typed arrays on one SharedArrayBuffer. This file is the
 * only one that knows its layout. Servers and upstreams have a slot each, which outlives any Snapshot; workers have one
 * for as long as they live.
 */
import { randomFillSync } from 'node:crypto'
import { ADDRESS_CELLS, MAX_SERVERS, MAX_UPSTREAMS, MAX_WORKERS } from './bounds.ts'
import { SIP_KEY_SIZE, SipHash } from './sip-hash.ts'

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
 * A server's health, as bits of one cell; 0 is a server that is well. `Suspended`: too many requests to it failed
 * (balancing/server-state.ts). `Unhealthy`: its check says so. `Ejected`: it answers worse than it may. `Panic`: so few
 * servers of its upstream are well that none of this counts. All but the first are the control plane's (health/).
 */
export const HealthBit = { Suspended: 1, Unhealthy: 2, Ejected: 4, Panic: 8 } as const
export type HealthBit = (typeof HealthBit)[keyof typeof HealthBit]

/** What is kept for each upstream, in units of Int32. */
const UpstreamField = { Cursor: 0, Epoch: 1 } as const
const UPSTREAM_STRIDE = 2

const UPSTREAMS_AT = MAX_SERVERS * SERVER_STRIDE
const LEDGERS_AT = UPSTREAMS_AT + MAX_UPSTREAMS * UPSTREAM_STRIDE
const CONNECTIONS_AT = LEDGERS_AT + MAX_WORKERS * MAX_SERVERS
// What policies compare over a thousand servers stands side by side, so that they read few cache lines.
const IN_FLIGHT_AT = CONNECTIONS_AT + MAX_WORKERS
const LATENCIES_AT = IN_FLIGHT_AT + MAX_SERVERS
const ANSWERED_AT = LATENCIES_AT + MAX_SERVERS
// Each worker counts the connections of each address twice, in a cell of either half that the address hashes to.
const ADDRESSES_AT = ANSWERED_AT + MAX_SERVERS
// Requests that wait in each line, and each worker's part of them. The lines: a server's own, an upstream's for any of
// its servers, and an upstream's as a whole, which is the sum of the others.
const LINES_FOR_ANY = MAX_SERVERS
const WHOLE_QUEUES = LINES_FOR_ANY + MAX_UPSTREAMS
const LINES = WHOLE_QUEUES + MAX_UPSTREAMS
const WAITING_AT = ADDRESSES_AT + MAX_WORKERS * 2 * ADDRESS_CELLS
const WAITING_LEDGERS_AT = WAITING_AT + LINES
// What addresses are hashed under: random in each process, so that nobody can choose addresses that share their cells.
const KEY_AT = WAITING_LEDGERS_AT + MAX_WORKERS * LINES
const SIZE = KEY_AT + SIP_KEY_SIZE / Int32Array.BYTES_PER_ELEMENT

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
  readonly #addressHash: SipHash
  /** Whether the next free place goes to who waits for that very server, rather than to who waits for any. */
  #ownTurn = true

  /** @param memory another thread's; left out: a new one */
  constructor(memory: SharedArrayBuffer = newMemory()) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
    this.#addressHash = new SipHash(keyIn(memory))
    this.inFlights = this.#cells.subarray(IN_FLIGHT_AT, IN_FLIGHT_AT + MAX_SERVERS)
    this.#latencies = new Float32Array(memory, LATENCIES_AT * Float32Array.BYTES_PER_ELEMENT, MAX_SERVERS)
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
    if (limit === 0) Atomics.add(this.#cells, IN_FLIGHT_AT + server, 1)
    else if (!this.#acquireBelow(IN_FLIGHT_AT + server, limit)) return false
    this.#cells[LEDGERS_AT + worker * MAX_SERVERS + server]! += 1
    return true
  }

  /** Never counts beyond the limit, not even for a moment: who looks then would wait for a place that nobody gives back. */
  #acquireBelow(cell: number, limit: number): boolean {
    let before = Atomics.load(this.#cells, cell)
    while (before < limit) {
      const found = Atomics.compareExchange(this.#cells, cell, before, before + 1)
      if (found === before) return true
      before = found
    }
    return false
  }

  release(server: number, worker: number): void {
    Atomics.sub(this.#cells, IN_FLIGHT_AT + server, 1)
    this.#cells[LEDGERS_AT + worker * MAX_SERVERS + server]! -= 1
  }

  /** Takes back everything that a dead worker still held. */
  forget(worker: number): void {
    for (let server = 0; server < MAX_SERVERS; server++) {
      const held = this.#cells[LEDGERS_AT + worker * MAX_SERVERS + server]!
      if (held === 0) continue
      Atomics.sub(this.#cells, IN_FLIGHT_AT + server, held)
      this.#cells[LEDGERS_AT + worker * MAX_SERVERS + server] = 0
    }
    this.#cells[CONNECTIONS_AT + worker] = 0
    const addresses = ADDRESSES_AT + worker * 2 * ADDRESS_CELLS
    this.#cells.fill(0, addresses, addresses + 2 * ADDRESS_CELLS)
    for (let line = 0; line < LINES; line++) {
      const waiting = this.#cells[WAITING_LEDGERS_AT + worker * LINES + line]!
      if (waiting === 0) continue
      Atomics.sub(this.#cells, WAITING_AT + line, waiting)
      this.#cells[WAITING_LEDGERS_AT + worker * LINES + line] = 0
    }
    // Places that it gave back, or was about to take, are told to all who wait.
    for (let upstream = 0; upstream < MAX_UPSTREAMS; upstream++) this.#wakeAll(upstream)
  }

  /** Requests that wait for a server of that upstream, all workers together. */
  waiting(upstream: number): number {
    return Atomics.load(this.#cells, WAITING_AT + WHOLE_QUEUES + upstream)
  }

  /**
   * A worker's request begins to wait: for that server, or for any (undefined).
   *
   * @param most as many as that may wait for servers of the upstream, all workers together
   * @returns whether it may
   */
  beginWait(upstream: number, server: number | undefined, worker: number, most: number): boolean {
    if (!this.#acquireBelow(WAITING_AT + WHOLE_QUEUES + upstream, most)) return false
    this.#cells[WAITING_LEDGERS_AT + worker * LINES + WHOLE_QUEUES + upstream]! += 1
    this.#countWaiting(lineOf(upstream, server), worker, 1)
    return true
  }

  endWait(upstream: number, server: number | undefined, worker: number): void {
    this.#countWaiting(lineOf(upstream, server), worker, -1)
    this.#countWaiting(WHOLE_QUEUES + upstream, worker, -1)
  }

  /** A request waits for another server than before, or for any. */
  moveWait(upstream: number, from: number | undefined, to: number | undefined, worker: number): void {
    this.#countWaiting(lineOf(upstream, from), worker, -1)
    this.#countWaiting(lineOf(upstream, to), worker, 1)
  }

  #countWaiting(line: number, worker: number, change: 1 | -1): void {
    Atomics.add(this.#cells, WAITING_AT + line, change)
    this.#cells[WAITING_LEDGERS_AT + worker * LINES + line]! += change
  }

  /**
   * Resolves once `wakeOne` tells this thread of a place in that line. Only what happens after the call is told: look
   * for a place after it, not before.
   */
  untilPlace(upstream: number, server: number | undefined): Promise<unknown> {
    return this.#untilNotified(WAITING_AT + lineOf(upstream, server))
  }

  /** Resolves once the upstream's epoch is another than at the call. */
  untilEpoch(upstream: number): Promise<unknown> {
    return this.#untilNotified(UPSTREAMS_AT + upstream * UPSTREAM_STRIDE + UpstreamField.Epoch)
  }

  #untilNotified(cell: number): Promise<unknown> {
    for (;;) {
      const { async, value } = Atomics.waitAsync(this.#cells, cell, Atomics.load(this.#cells, cell))
      if (async) return value
    }
  }

  /** That server has a place free: tells one thread that has a request waiting for it. One load where nobody waits. */
  wakeOne(server: number, upstream: number): void {
    if (this.waiting(upstream) === 0) return
    const lines = [WAITING_AT + server, WAITING_AT + LINES_FOR_ANY + upstream]
    this.#ownTurn = !this.#ownTurn
    if (this.#ownTurn) lines.reverse()
    for (const line of lines) {
      if (Atomics.load(this.#cells, line) > 0 && Atomics.notify(this.#cells, line, 1) > 0) return
    }
  }

  /** Tells all threads that have requests waiting that anything may have changed. */
  #wakeAll(upstream: number): void {
    if (this.waiting(upstream) === 0) return
    Atomics.notify(this.#cells, UPSTREAMS_AT + upstream * UPSTREAM_STRIDE + UpstreamField.Epoch)
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
    this.#wakeAll(upstream)
  }

  /** A connection of the client at that address (its octets) opens (1) or closes (-1). */
  countConnection(worker: number, address: Uint8Array, change: 1 | -1): void {
    const cells = ADDRESSES_AT + worker * 2 * ADDRESS_CELLS
    this.#addressHash.hash(address)
    this.#cells[CONNECTIONS_AT + worker]! += change
    this.#cells[cells + firstCell(this.#addressHash)]! += change
    this.#cells[cells + secondCell(this.#addressHash)]! += change
  }

  /** Clients' connections, all workers together. */
  connections(): number {
    return this.#sumOverWorkers(CONNECTIONS_AT, 1)
  }

  /**
   * Connections of the client at that address, all workers together: an estimate that is never too low, and too high
   * only where other addresses share both of its cells (a count-min sketch, Cormode and Muthukrishnan, 2005).
   */
  connectionsFrom(address: Uint8Array): number {
    this.#addressHash.hash(address)
    return Math.min(
      this.#sumOverWorkers(ADDRESSES_AT + firstCell(this.#addressHash), 2 * ADDRESS_CELLS),
      this.#sumOverWorkers(ADDRESSES_AT + secondCell(this.#addressHash), 2 * ADDRESS_CELLS),
    )
  }

  #sumOverWorkers(at: number, stride: number): number {
    let sum = 0
    for (let worker = 0; worker < MAX_WORKERS; worker++) sum += this.#cells[at + worker * stride]!
    return sum
  }
}

function lineOf(upstream: number, server: number | undefined): number {
  return server ?? LINES_FOR_ANY + upstream
}

/** Where an address is counted in the first half of a worker's cells; and in the second, which is independent of it. */
function firstCell({ low }: SipHash): number {
  return low & (ADDRESS_CELLS - 1)
}

function secondCell({ high }: SipHash): number {
  return ADDRESS_CELLS + (high & (ADDRESS_CELLS - 1))
}

function newMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SIZE * Int32Array.BYTES_PER_ELEMENT)
  randomFillSync(keyIn(memory))
  return memory
}

function keyIn(memory: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(memory, KEY_AT * Int32Array.BYTES_PER_ELEMENT, SIP_KEY_SIZE)
}
