import type { KnownHealth } from '../../health/upstream-health.ts'
import { HealthBit } from '../../runtime/health-bit.ts'
import type { ServerRecord } from '../../runtime/scoreboard/server-counters.ts'
import type { Scoreboard } from '../../runtime/scoreboard.ts'
import type { Server, Snapshot } from '../../runtime/snapshot.ts'
import type { ServerState } from './inheritance.ts'

/** What was counted and is known of all servers. */
export function serverStates(snapshot: Snapshot, { servers: counters }: Scoreboard): ServerState[] {
  return snapshot.upstreams.flatMap(({ name, servers }) =>
    servers.map((server) => ({
      upstream: name,
      server: server.id,
      address: server.address,
      record: counters.record(server.slot),
    })),
  )
}

/** What was counted since. */
export function countedSince(before: readonly ServerState[], now: readonly ServerState[]): ServerState[] {
  const known = new Map(before.map((state) => [keyOf(state), state.record]))
  return now.map((state) => {
    const from = known.get(keyOf(state))
    return from === undefined ? state : { ...state, record: lessThan(state.record, from) }
  })
}

function lessThan(record: ServerRecord, from: ServerRecord): ServerRecord {
  return {
    ...record,
    requests: record.requests - from.requests,
    failures: record.failures - from.failures,
    good: record.good - from.good,
    bad: record.bad - from.bad,
  }
}

/** Goes on with the counts and the failures of servers that exist here, too. */
export function continueServers(snapshot: Snapshot, scoreboard: Scoreboard, states: readonly ServerState[]): void {
  addCounts(snapshot, scoreboard, states)
  for (const [{ slot, address }, state] of here(snapshot, states)) {
    if (state.address === address) scoreboard.servers.continueFails(slot, state.record)
  }
}

/** Which checked servers were up. */
export function knownHealth(snapshot: Snapshot, states: readonly ServerState[]): KnownHealth {
  const checked = new Set(snapshot.upstreams.flatMap(({ name, health }) => (health?.check === undefined ? [] : name)))
  const same = here(snapshot, states).filter(([{ address }, state]) => state.address === address)
  const known = new Map(same.map(([, state]) => [keyOf(state), (state.record.health & HealthBit.Unhealthy) === 0]))
  return (upstream, server) => (checked.has(upstream) ? known.get(keyOf({ upstream, server })) : undefined)
}

export function addCounts(snapshot: Snapshot, { servers }: Scoreboard, states: readonly ServerState[]): void {
  for (const [{ slot }, { record }] of here(snapshot, states)) servers.addCounts(slot, record)
}

function here({ upstreams }: Snapshot, states: readonly ServerState[]): [Server, ServerState][] {
  const known = new Map(states.map((state) => [keyOf(state), state]))
  return upstreams.flatMap(({ name, servers }) =>
    servers.flatMap((server): [Server, ServerState][] => {
      const state = known.get(keyOf({ upstream: name, server: server.id }))
      return state === undefined ? [] : [[server, state]]
    }),
  )
}

function keyOf({ upstream, server }: Pick<ServerState, 'upstream' | 'server'>): string {
  return `${upstream}/${server}`
}
