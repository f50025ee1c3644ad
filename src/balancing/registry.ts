import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Balance } from '../runtime/snapshot.ts'
import { BoundedHash } from './bounded-hash.ts'
import { ConsistentHash } from './consistent-hash.ts'
import { Hash } from './hash.ts'
import { IpHash } from './ip-hash.ts'
import { LeastConnections } from './least-connections.ts'
import { LeastTime } from './least-time.ts'
import type { Policy } from './policy.ts'
import { RandomTwo } from './random-two.ts'
import { Rotation } from './rotation.ts'
import type { ServerState } from './server-state.ts'
import { type Choice, Tiers } from './tiers.ts'

/** The policy of an upstream. Every policy there is has its line here, by its name in the configuration. */
export function policyFor(
  balance: Balance,
  servers: readonly ServerState[],
  upstream: number,
  scoreboard: Scoreboard,
): Policy {
  const tiers = (choice: () => Choice) => new Tiers(servers, choice, upstream, scoreboard)
  const roundRobin = () => tiers(() => new Rotation(upstream, scoreboard))
  switch (balance.type) {
    case 'round-robin':
      return roundRobin()
    case 'ip-hash':
      return new IpHash(servers, roundRobin())
    case 'hash':
      return new Hash(servers, roundRobin())
    case 'consistent-hash':
      return balance.boundedLoad === undefined
        ? new ConsistentHash(servers, roundRobin())
        : new BoundedHash(balance.boundedLoad, servers, upstream, scoreboard, roundRobin())
    case 'least-connections':
      return tiers(() => new LeastConnections(scoreboard))
    case 'random-two':
      return tiers(() => new RandomTwo(scoreboard))
    case 'least-time':
      return tiers(() => new LeastTime(balance.decay, scoreboard))
  }
}
