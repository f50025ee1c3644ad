import type { Scoreboard } from '../runtime/scoreboard.ts'
import type { Slices } from '../runtime/slices.ts'
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
import { ServerRing } from './server-ring.ts'
import type { ServerState } from './server-state.ts'
import { type Choice, Tiers } from './tiers.ts'

export function roundRobin(servers: readonly ServerState[], upstream: number, scoreboard: Scoreboard): Policy {
  return new Tiers(servers, () => new Rotation(upstream, scoreboard), upstream, scoreboard)
}

/** Builds the policy of an upstream. Each policy has its line here, by its name in the configuration. */
export function* buildPolicy(
  balance: Balance,
  servers: readonly ServerState[],
  upstream: number,
  scoreboard: Scoreboard,
): Slices<Policy> {
  const tiers = (choice: () => Choice) => new Tiers(servers, choice, upstream, scoreboard)
  const fallback = () => roundRobin(servers, upstream, scoreboard)
  switch (balance.type) {
    case 'round-robin':
      return roundRobin(servers, upstream, scoreboard)
    case 'ip-hash':
      return new IpHash(servers, fallback())
    case 'hash':
      return new Hash(servers, fallback())
    case 'consistent-hash': {
      const ring = yield* ServerRing.build(servers)
      return balance.boundedLoad === undefined
        ? new ConsistentHash(ring, fallback())
        : new BoundedHash(balance.boundedLoad, ring, upstream, scoreboard, fallback())
    }
    case 'least-connections':
      return tiers(() => new LeastConnections(scoreboard))
    case 'random-two':
      return tiers(() => new RandomTwo(scoreboard))
    case 'least-time':
      return tiers(() => new LeastTime(balance.decay, scoreboard))
  }
}
