import type { Scoreboard } from '../scoreboard.ts'
import type { Balance } from '../snapshot.ts'
import { IpHash } from './ip-hash.ts'
import type { Policy } from './policy.ts'
import { RoundRobin } from './round-robin.ts'
import type { ServerState } from './server-state.ts'

type Factory = (servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard) => Policy

/** Every policy there is, by its name in the configuration. */
const policies: Record<Balance['type'], Factory> = {
  'round-robin': (servers, upstream, scoreboard) => new RoundRobin(servers, upstream, scoreboard),
  'ip-hash': (servers, upstream, scoreboard) => new IpHash(servers, new RoundRobin(servers, upstream, scoreboard)),
}

export function policyFor(
  balance: Balance,
  servers: readonly ServerState[],
  upstream: number,
  scoreboard: Scoreboard,
): Policy {
  return policies[balance.type](servers, upstream, scoreboard)
}
