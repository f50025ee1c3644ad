import type { Affinity, Session } from '../affinity/affinity.ts'
import { affinityFor } from '../affinity/registry.ts'
import { keyFor } from '../balancing/key.ts'
import type { Policy } from '../balancing/policy.ts'
import { policyFor } from '../balancing/registry.ts'
import { ServerState } from '../balancing/server-state.ts'
import type { Deadlines } from '../runtime/deadlines.ts'
import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { SessionTable } from '../runtime/session-table.ts'
import type { Balance, Server, Upstream } from '../runtime/snapshot.ts'
import { AddressSample } from '../skew/address-sample.ts'
import { Queue } from './queue.ts'
import type { RequestView } from './request-view.ts'
import type { ServerStreams } from './server-stream.ts'

/** How keys of sessions are hashed, where the affinity leaves some or all of them to a hash. */
function hashOf({ affinity }: Upstream): Balance | undefined {
  if (affinity === undefined || affinity.type === 'cookie') return undefined
  // It makes its keys itself.
  if (affinity.type === 'learn') return { type: 'consistent-hash', key: { from: 'uri' } }
  return affinity
}

/** An upstream at work: its affinity, its policy, its servers, and the queue before them. */
export class UpstreamGroup {
  readonly settings: Upstream
  readonly affinity: Affinity | undefined
  readonly sessions: SessionTable
  readonly servers: readonly ServerState[]
  readonly policy: Policy
  readonly queue: Queue
  readonly streams: ServerStreams
  /** So many bad answers in a row of a server, and each multiple of that, are told of; Infinity for never. */
  readonly badInRowLimit: number
  /** Who sends the most requests, where servers are picked by address. */
  readonly sample: AddressSample | undefined
  /** Where sessions belong by their keys. */
  readonly #sessionPolicy: Policy | undefined
  readonly #states = new Map<Server, ServerState>()

  constructor(
    settings: Upstream,
    scoreboard: Scoreboard,
    sessions: SessionTable,
    worker: number,
    deadlines: Deadlines,
    streams: ServerStreams,
  ) {
    this.settings = settings
    this.sessions = sessions
    this.streams = streams
    this.badInRowLimit = settings.health?.outlier?.consecutive5xx || Infinity
    const { slot, balance } = settings
    const alone = settings.servers.length === 1
    const servers = settings.servers.map((server) => new ServerState(server, slot, alone, scoreboard, worker))
    this.servers = servers
    this.queue = new Queue(settings, servers, scoreboard, worker, deadlines)
    for (const server of servers) {
      this.#states.set(server.settings, server)
    }
    this.policy = policyFor(balance, servers, slot, scoreboard)
    this.sample = settings.skew && new AddressSample(settings.name)
    const hash = hashOf(settings)
    this.#sessionPolicy = hash && policyFor(hash, servers, slot, scoreboard)
    this.affinity = affinityFor(settings, sessions, (request) => keyFor(hash!, request as RequestView))
  }

  /** The policy for a session that goes by its key, or for everyone else. */
  policyOf(session: Session | undefined): Policy {
    return session?.key === undefined ? this.policy : this.#sessionPolicy!
  }

  stateOf(server: Server): ServerState {
    return this.#states.get(server)!
  }
}
