import { ActivePolicy } from '../../src/balancing/active-policy.ts'
import type { Policy } from '../../src/balancing/policy.ts'
import { ServerList } from '../../src/balancing/server-list.ts'
import type { ServerState } from '../../src/balancing/server-state.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Balance, Server } from '../../src/runtime/snapshot.ts'

/** One worker's view of an upstream in a test. */
export interface Group {
  readonly policy: Policy
  readonly servers: readonly ServerState[]
  readonly scoreboard: Scoreboard
}

const plain: Omit<Server, 'id' | 'name' | 'address' | 'endpoint' | 'slot'> = {
  weight: 1,
  backup: false,
  down: false,
  drain: false,
  ownSessions: 'keep',
  maxFails: 1,
  failTimeout: 10_000,
  maxConnections: 0,
  slowStart: 0,
}

/** Servers with these settings, named and addressed as in the recorded vectors. */
export function serversWith(settings: readonly Partial<Server>[]): Server[] {
  return settings.map((setting, slot) => {
    const port = 9101 + slot
    const address = `127.0.0.1:${port}`
    const { name = address } = setting
    return { ...plain, id: name, name, address, endpoint: { host: '127.0.0.1', port }, slot, ...setting }
  })
}

/** An upstream that takes in other lists of servers, as one worker sees it. */
export class ChangingGroup implements Group {
  readonly scoreboard: Scoreboard
  readonly #list: ServerList
  readonly #active: ActivePolicy

  constructor(balance: Balance, servers: readonly Server[], scoreboard = new Scoreboard(), worker = 0) {
    this.scoreboard = scoreboard
    this.#list = new ServerList(0, scoreboard, worker)
    this.#list.apply(servers)
    this.#active = new ActivePolicy(balance, this.#list.all, 0, scoreboard)
    this.#active.finish()
  }

  get policy(): Policy {
    return this.#active.current
  }

  get servers(): readonly ServerState[] {
    return this.#list.all
  }

  /** Whether another policy is still being built. */
  get isBuilding(): boolean {
    return this.#active.isBuilding
  }

  apply(balance: Balance, servers: readonly Server[]): void {
    this.#list.apply(servers)
    this.#active.apply(balance, this.#list.all)
  }

  /** Builds at once what has to be built. */
  finish(): void {
    this.#active.finish()
  }
}

/**
 * A Scoreboard as good as new, after groups of up to two workers and `MOST_SERVERS` servers. The memory of a new one would take
 * longer than what a property does with it.
 */
export function emptied(scoreboard: Scoreboard): Scoreboard {
  for (const worker of [0, 1]) scoreboard.servers.forget(worker)
  for (let slot = 0; slot < MOST_SERVERS; slot++) scoreboard.freeServer(slot, 0)
  scoreboard.freeUpstream(0)
  return scoreboard
}

const MOST_SERVERS = 16

/** The same upstream as each of several workers sees it: one Scoreboard, and a policy for each. */
export function groupsOf(
  balance: Balance,
  servers: readonly Server[],
  workers = 1,
  scoreboard = new Scoreboard(),
): Group[] {
  return Array.from({ length: workers }, (_, worker) => new ChangingGroup(balance, servers, scoreboard, worker))
}

/**
 * The same, after each of them had another policy, and other lists of servers: some of the same with other settings, in
 * another order or not at all, and others in the slots of these.
 */
export function changedGroupsOf(
  balance: Balance,
  servers: readonly Server[],
  workers = 1,
  scoreboard = new Scoreboard(),
): Group[] {
  const other = { weight: 7, drain: true, slowStart: 0, failTimeout: 99 }
  const lists = [
    serversWith([{}, { ...other, name: 'another' }, { backup: true }]),
    [...servers, ...serversWith([{}])].map((server) => ({ ...server, ...other })).reverse(),
    servers.slice(1).map((server, index) => ({ ...server, name: `${index}`, maxConnections: 1 })),
    servers.filter((_, index) => index % 2 === 0),
  ]
  return Array.from({ length: workers }, (_, worker) => {
    const group = new ChangingGroup({ type: 'least-connections' }, lists[0]!, scoreboard, worker)
    for (const list of [...lists, servers]) {
      group.policy.pick(addressOf(worker), [], 0)?.release()
      group.apply(balance, list)
    }
    group.finish()
    return group
  })
}

/** An address of its own /24. */
export function addressOf(index: number): Uint8Array {
  return Uint8Array.of(10, index >> 8, index & 255, 1)
}

/** The bytes of a key. */
export function keyOf(text: string | number): Uint8Array {
  return Buffer.from(String(text))
}

export function groupOf(balance: Balance, servers: readonly Server[]): Group {
  return groupsOf(balance, servers)[0]!
}
