import type { Policy } from '../../src/balancing/policy.ts'
import { policyFor } from '../../src/balancing/registry.ts'
import { ServerState } from '../../src/balancing/server-state.ts'
import { Scoreboard } from '../../src/runtime/scoreboard.ts'
import type { Balance, Server } from '../../src/runtime/snapshot.ts'

/** One worker's view of an upstream in a test. */
export interface Group {
  readonly policy: Policy
  readonly servers: readonly ServerState[]
  readonly scoreboard: Scoreboard
}

const plain: Omit<Server, 'name' | 'address' | 'endpoint' | 'slot'> = {
  weight: 1,
  backup: false,
  down: false,
  drain: false,
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
    return { ...plain, name: address, address, endpoint: { host: '127.0.0.1', port }, slot, ...setting }
  })
}

/** The same upstream as each of several workers sees it: one Scoreboard, and a policy for each. */
export function groupsOf(balance: Balance, servers: readonly Server[], workers = 1): Group[] {
  const scoreboard = new Scoreboard()
  return Array.from({ length: workers }, (_, worker) => {
    const states = servers.map((server) => new ServerState(server, 0, servers.length === 1, scoreboard, worker))
    return { servers: states, policy: policyFor(balance, states, 0, scoreboard), scoreboard }
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
