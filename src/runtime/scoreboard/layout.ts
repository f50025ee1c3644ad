/**
 * Where everything lies in the Scoreboard's memory. This file is the only one that knows the offsets: the views beside it
 * are given their regions as arrays, and index those by slot.
 */
import { randomFillSync } from 'node:crypto'
import {
  ADDRESS_CELLS,
  MAX_SERVERS,
  MAX_UPSTREAMS,
  MAX_WORKERS,
  NEW_USER_BUCKETS,
  NEW_USERS_IN_BUCKET,
} from '../bounds.ts'
import { SIP_KEY_SIZE } from '../sip-hash.ts'

/** The size of a server's record, in cells: a cache line of its own. */
export const SERVER_STRIDE = 16
export const UPSTREAM_STRIDE = 2
export const NEW_USER_STRIDE = 4

/**
 * The waiting lines, as indices: first a line for each server, then one for each upstream whose requests may go to any of
 * its servers, then each upstream's queue as a whole, which is the sum of its lines.
 */
export const LINES_FOR_ANY = MAX_SERVERS
export const WHOLE_QUEUES = LINES_FOR_ANY + MAX_UPSTREAMS
export const LINES = WHOLE_QUEUES + MAX_UPSTREAMS

// In cells of 32 bits.
const UPSTREAMS_AT = MAX_SERVERS * SERVER_STRIDE
const IN_FLIGHT_LEDGERS_AT = UPSTREAMS_AT + MAX_UPSTREAMS * UPSTREAM_STRIDE
const CONNECTIONS_AT = IN_FLIGHT_LEDGERS_AT + MAX_WORKERS * MAX_SERVERS
// What policies compare over a thousand servers lies side by side, so that they read few cache lines.
const IN_FLIGHT_AT = CONNECTIONS_AT + MAX_WORKERS
const LATENCIES_AT = IN_FLIGHT_AT + MAX_SERVERS
const ANSWERED_AT = LATENCIES_AT + MAX_SERVERS
const ADDRESSES_AT = ANSWERED_AT + MAX_SERVERS
const WAITING_AT = ADDRESSES_AT + MAX_WORKERS * 2 * ADDRESS_CELLS
const WAITING_LEDGERS_AT = WAITING_AT + LINES
const TUNNELS_AT = WAITING_LEDGERS_AT + MAX_WORKERS * LINES
const TUNNEL_LEDGERS_AT = TUNNELS_AT + MAX_SERVERS
const ADDRESS_KEY_AT = TUNNEL_LEDGERS_AT + MAX_WORKERS * MAX_SERVERS
const NEW_USERS_AT = ADDRESS_KEY_AT + SIP_KEY_SIZE / Int32Array.BYTES_PER_ELEMENT
const NEW_USER_LOCKS_AT = NEW_USERS_AT + NEW_USER_BUCKETS * NEW_USERS_IN_BUCKET * NEW_USER_STRIDE
const DEPARTURES_AT = NEW_USER_LOCKS_AT + NEW_USER_BUCKETS
const SIZE = DEPARTURES_AT + MAX_SERVERS

export interface Regions {
  /** A record of `SERVER_STRIDE` cells for each server. */
  readonly servers: Int32Array
  /** A record of `UPSTREAM_STRIDE` cells for each upstream. */
  readonly upstreams: Int32Array
  /** For each server: exchanges in flight, all workers together. */
  readonly inFlights: Int32Array
  /** Each worker's part of `inFlights` (ledger.ts). */
  readonly inFlightLedgers: Int32Array
  /** For each server, in ms. */
  readonly latencies: Float32Array
  /** For each server: when it last answered. */
  readonly answeredAt: Int32Array
  /** For each line: requests that wait in it, all workers together. */
  readonly waiting: Int32Array
  /** Each worker's part of `waiting` (ledger.ts). */
  readonly waitingLedgers: Int32Array
  /** For each server: tunnels, all workers together. */
  readonly tunnels: Int32Array
  /** Each worker's part of `tunnels` (ledger.ts). */
  readonly tunnelLedgers: Int32Array
  /** For each worker: its clients' connections. */
  readonly connections: Int32Array
  /** For each worker: two rows of `ADDRESS_CELLS` cells, which count the connections of each address. */
  readonly addresses: Int32Array
  /** The key that addresses are hashed under. */
  readonly addressKey: Uint8Array
  /** `NEW_USER_STRIDE` cells for each new user, bucket by bucket. */
  readonly newUsers: Int32Array
  /** A lock for each bucket of new users. */
  readonly newUserLocks: Int32Array
  /** For each server: which of its sessions may leave it (departures.ts). */
  readonly departures: Int32Array
}

export function regionsOf(memory: SharedArrayBuffer): Regions {
  const cells = new Int32Array(memory)
  return {
    servers: cells.subarray(0, UPSTREAMS_AT),
    upstreams: cells.subarray(UPSTREAMS_AT, IN_FLIGHT_LEDGERS_AT),
    inFlightLedgers: cells.subarray(IN_FLIGHT_LEDGERS_AT, CONNECTIONS_AT),
    connections: cells.subarray(CONNECTIONS_AT, IN_FLIGHT_AT),
    inFlights: cells.subarray(IN_FLIGHT_AT, LATENCIES_AT),
    latencies: new Float32Array(memory, LATENCIES_AT * Float32Array.BYTES_PER_ELEMENT, MAX_SERVERS),
    answeredAt: cells.subarray(ANSWERED_AT, ADDRESSES_AT),
    addresses: cells.subarray(ADDRESSES_AT, WAITING_AT),
    waiting: cells.subarray(WAITING_AT, WAITING_LEDGERS_AT),
    waitingLedgers: cells.subarray(WAITING_LEDGERS_AT, TUNNELS_AT),
    tunnels: cells.subarray(TUNNELS_AT, TUNNEL_LEDGERS_AT),
    tunnelLedgers: cells.subarray(TUNNEL_LEDGERS_AT, ADDRESS_KEY_AT),
    addressKey: new Uint8Array(memory, ADDRESS_KEY_AT * Int32Array.BYTES_PER_ELEMENT, SIP_KEY_SIZE),
    newUsers: cells.subarray(NEW_USERS_AT, NEW_USER_LOCKS_AT),
    newUserLocks: cells.subarray(NEW_USER_LOCKS_AT, DEPARTURES_AT),
    departures: cells.subarray(DEPARTURES_AT, SIZE),
  }
}

/** The key is random in each process, so that clients cannot choose addresses that share their cells. */
export function newMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SIZE * Int32Array.BYTES_PER_ELEMENT)
  randomFillSync(regionsOf(memory).addressKey)
  return memory
}

/** A copy without what belongs to single workers: their ledgers and their connections. */
export function copyOf(memory: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(memory.byteLength)
  const from = regionsOf(memory)
  const to = regionsOf(copy)
  for (const region of [
    'servers',
    'upstreams',
    'inFlights',
    'latencies',
    'answeredAt',
    'waiting',
    'addressKey',
    'newUsers',
  ] as const)
    to[region].set(from[region])
  return copy
}
