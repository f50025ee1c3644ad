import type { FoundServer, ServerList } from './provider.ts'

/** The lists, of which those are urgent in which a server drains that did not in the one before. */
export async function* drainsAtOnce(lists: AsyncIterable<ServerList>): AsyncGenerator<ServerList, void> {
  let draining: ReadonlySet<string> = new Set()
  for await (const list of lists) {
    const now = new Set(list.servers.filter(drains).map(({ id }) => id))
    yield { ...list, isUrgent: [...now].some((id) => !draining.has(id)) }
    draining = now
  }
}

function drains({ state }: FoundServer): boolean {
  return state === 'drain'
}
