import type { FoundServer, Mistake } from '../provider.ts'
import type { Addresses } from './addresses.ts'
import type { DescribedServer } from './container.ts'
import { identityOf } from './identity.ts'
import type { KnownContainer } from './known-containers.ts'

/** The best first: while a container takes the place of another, both have one identity. */
const order = ['ready', 'drain', 'away', 'down'] as const

const byNumber = new Intl.Collator('en', { numeric: true })

/** The servers of one upstream, each identity once, in the order of their names. */
export function foundServers(
  described: readonly DescribedServer[],
  containers: readonly KnownContainer[],
  addresses: Pick<Addresses, 'of'>,
): { servers: FoundServer[]; mistakes: Mistake[] } {
  const byId = new Map(containers.map((container) => [container.id, container]))
  const mistakes: Mistake[] = []
  const best = new Map<string, { readonly server: FoundServer; readonly created: number }>()
  for (const each of described) {
    const container = byId.get(each.container.id)
    const address = addresses.of(each)
    if (container === undefined || address === undefined) continue
    if (typeof address !== 'string') {
      mistakes.push({ where: `container ${container.name}`, ...address })
      continue
    }
    const id = identityOf(container)
    const incarnation = `${container.id} ${container.started}`
    const server = { id, name: id, address, state: stateOf(container), settings: each.settings, incarnation }
    const other = best.get(id)
    if (other === undefined || isBetter(server, container.created, other))
      best.set(id, { server, created: container.created })
  }
  const servers = [...best.values()].map(({ server }) => server)
  // A replaced container keeps its place, by which some policies go.
  return { servers: servers.sort((one, other) => byNumber.compare(one.id, other.id)), mistakes }
}

function isBetter(server: FoundServer, created: number, other: { server: FoundServer; created: number }): boolean {
  const difference = order.indexOf(server.state ?? 'ready') - order.indexOf(other.server.state ?? 'ready')
  return difference === 0 ? created > other.created : difference < 0
}

function stateOf({ state, isStopping }: KnownContainer): 'ready' | 'drain' | 'away' | 'down' {
  if (state === 'gone') return 'away'
  // Where it has closed its listener already, its health check may fail.
  return isStopping && state !== 'away' ? 'drain' : state
}
